"""A project's package served and tested by NAT without being installed."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)

REGISTER = '''\
from nat.plugin_api import Builder, FunctionBaseConfig, FunctionInfo, register_function


class EchoConfig(FunctionBaseConfig, name="echo"):
    prefix: str = "Echo:"


@register_function(config_type=EchoConfig)
async def echo(config: EchoConfig, builder: Builder):
    async def _inner(text: str) -> str:
        """Say it again."""
        return f"{config.prefix} {text}"

    yield FunctionInfo.from_fn(_inner, description=_inner.__doc__)
'''
TEST = """\
from importlib.metadata import entry_points, version

from nat.cli.type_registry import GlobalTypeRegistry
from nat.runtime.loader import PluginTypes, discover_and_register_plugins


def test_the_package_is_seen_by_nat():
    discover_and_register_plugins(PluginTypes.ALL)
    import echo_app.register

    assert any(info.local_name == "echo" for info in GlobalTypeRegistry.get().get_registered_functions())
    assert version("echo-app") == "0.1.0"
"""
SECONDS = 280


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path, text in {
        "pyproject.toml": '[project]\nname = "echo-app"\nversion = "0.1.0"\n'
        '[project.entry-points."nat.components"]\necho = "echo_app.register"\n',
        "src/echo_app/__init__.py": "",
        "src/echo_app/register.py": REGISTER,
        "config.yml": "workflow: {_type: echo, prefix: You said}\n",
        "tests/test_echo.py": TEST,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def run(python: Path, project: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def served(python: Path, project: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "att_nat.serve", "--config", "config.yml", "--port", str(port)]
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + SECONDS
        while not _answers(port):
            assert process.poll() is None, (project / "log").read_text()
            assert time.monotonic() < until, (project / "log").read_text()
        yield process, port
    finally:
        process.kill()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.05)
        return False


def post(port: int, value: Any) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/workflow", json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_project_is_served_without_installation_and_leaves_nothing_behind(
    python: Path, project: Path, environment: dict[str, str]
) -> None:
    with served(python, project, environment) as (process, port):
        assert post(port, {"text": "hi"}) == {"value": "You said hi"}
        temporary = Path(environment["TMPDIR"])
        assert [path.name[:8] for path in temporary.iterdir()] == ["att-nat-"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
        assert list(temporary.iterdir()) == []


def test_a_plugin_of_the_project_that_fails_to_import_ends_the_app_with_its_traceback(
    python: Path, project: Path, environment: dict[str, str]
) -> None:
    (project / "src/echo_app/register.py").write_text("import nothing_of_this_name\n")
    done = run(python, project, environment, "att_nat.serve", "--config", "config.yml", "--port", "1")
    assert done.returncode == 1
    assert 'src/echo_app/register.py", line 1' in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "ModuleNotFoundError: No module named 'nothing_of_this_name'",
        "Failed to import plugin 'echo' (echo_app.register) of echo-app",
    ]
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("module", ["att_nat.serve", "att_nat.tests"])
def test_a_project_file_that_cannot_be_read_ends_with_its_reason(
    python: Path, project: Path, environment: dict[str, str], module: str
) -> None:
    (project / "pyproject.toml").write_text("[project")
    options = ("--config", "config.yml", "--port", "1") if module == "att_nat.serve" else ()
    done = run(python, project, environment, module, *options)
    assert done.returncode == (2 if module == "att_nat.serve" else 4)
    assert "cannot read pyproject.toml" in done.stderr


def test_the_tests_of_a_project_see_its_package_and_end_with_pytests_code(
    python: Path, project: Path, environment: dict[str, str]
) -> None:
    assert "1 passed" in run(python, project, environment, "att_nat.tests", "-q").stdout
    (project / "tests/test_echo.py").write_text("def test_no(): assert False\n")
    assert run(python, project, environment, "att_nat.tests", "-q").returncode == 1
    assert run(python, project, environment, "att_nat.tests", "-q", "no-such-folder").returncode == 4


def test_what_tests_do_to_the_umask_hides_no_report(
    python: Path, project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (project / "tests/test_echo.py").write_text("import os\n\n\ndef test_it(): os.umask(0o077)\n")
    assert run(python, project, environment, "att_nat.tests", f"--junitxml={tmp_path}/told.xml").returncode == 0
    assert (tmp_path / "told.xml").stat().st_mode & 0o040
