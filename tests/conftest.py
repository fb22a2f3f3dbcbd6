"""Settings of every test: loopback only, one asyncio backend, a fixed hypothesis profile."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
RELEASE = Path(sys.prefix).parent
IN_RELEASE = RELEASE / f"venv/lib/python3.{sys.version_info.minor}/site-packages"
if (RELEASE / "metadata.json").is_file() and IN_RELEASE.is_dir():
    # On an appliance, where ATT tests a change of itself, this is NAT's Python: pytest and hypothesis are there, ATT is
    # in the checkout, and what ATT needs is beside NAT in the release.
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "appliance" / "stage0"), str(IN_RELEASE)]

settings.register_profile("att", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("att")

ONLY_ON_A_BUILD_HOST = {"--allow-hosts": "store", "--allow-unix-socket": "store_true"}
"""Options of pytest-socket, which no release carries: a project's sandbox has no network to be kept from."""
HEAVY_FOLDERS = {"appliance", "e2e", "nat", "release", "console"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_addoption(parser: pytest.Parser) -> None:
    if importlib.util.find_spec("pytest_socket") is None:
        for option, action in ONLY_ON_A_BUILD_HOST.items():
            parser.addoption(option, action=action, help="does nothing here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in HEAVY_FOLDERS:
            item.add_marker("heavy")
