"""Settings of every test: loopback only, one asyncio backend, a fixed hypothesis profile."""

import gc
import importlib.util
import os
import shlex
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from tests.where import PATHS


def python_with(paths: list[str]) -> str:
    """Make a program that is this Python with `paths`, whatever environment it is started with; returns its path."""
    program = Path(tempfile.mkdtemp(prefix="python-")) / "python"
    told = shlex.quote(os.pathsep.join(paths))
    program.write_text(f'#!/bin/sh\nPYTHONPATH={told} exec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


sys.path[:0] = map(str, PATHS)
if PATHS:
    sys.executable = python_with([*map(str, PATHS)])

settings.register_profile(
    "att", deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("att"), max_examples=400)
settings.load_profile("att")

# Where it is installed, jsonschema makes 38 grammars of it, which takes each process a second; no schema has an IRI.
sys.modules.setdefault("rfc3987_syntax", ModuleType("rfc3987_syntax"))

# Found in the release on an appliance, whose paths are there only now.
structlog = importlib.import_module("structlog")
# Where rich is installed, a logged exception shows every local of every frame, which takes seconds.
_renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _renderer])

ONLY_ON_A_BUILD_HOST = {"--allow-hosts": "store", "--allow-unix-socket": "store_true"}
"""Options of pytest-socket, which no release carries: a project's sandbox has no network to be kept from."""
HEAVY_FOLDERS = {"appliance", "e2e", "nat", "release", "console"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    gc.freeze()  # what was imported and collected stays: to look through it again and again finds nothing


def pytest_addoption(parser: pytest.Parser) -> None:
    if importlib.util.find_spec("pytest_socket") is None:
        for option, action in ONLY_ON_A_BUILD_HOST.items():
            parser.addoption(option, action=action, help="does nothing here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in HEAVY_FOLDERS:
            item.add_marker("heavy")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What cannot run here is skipped, but where a change is judged everything runs."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped where CI is set: {report.longrepr}"
    return report
