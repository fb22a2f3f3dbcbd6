"""The official MCP conformance suite against the real application, for both eras of the protocol."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dev.vm.places import cache
from tests.conformance import mounted
from tests.fakes.platform import Running, platform

HERE = Path(__file__).parent
NODE = HERE.parents[1] / ".venv" / "bin"
LOCK = "package-lock.json"
SETTINGS = "api:\n  allowed_hosts: ['127.0.0.1', localhost]\n"
# The fixtures serve what the older revision asks for and the newer one has taken away: logging and sampling.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

REVISIONS = ("2025-11-25", "2026-07-28")
SUITE_SECONDS = 240


@pytest.fixture(scope="module")
def suite() -> Path:
    """The suite's program, installed once from the lock file of this folder."""
    digest = hashlib.sha256((HERE / LOCK).read_bytes()).hexdigest()[:16]
    folder = cache() / f"mcp-conformance-{digest}"
    program = folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    if not program.exists():
        folder.mkdir(exist_ok=True)
        for name in ("package.json", LOCK, ".npmrc"):
            shutil.copy(HERE / name, folder)
        command = [str(NODE / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=folder, env=_environment(), check=True, timeout=300)
    return program


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("att.surfaces.mcp.server.build_server", mounted.build_server)
        with platform(tmp_path_factory.mktemp("mcp"), settings=SETTINGS, around=mounted.signed_in) as running:
            yield running


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.timeout(SUITE_SECONDS + 60)
def test_the_official_suite_finds_no_failure(suite: Path, served: Running, revision: str, tmp_path: Path) -> None:
    command = [str(NODE / "node"), str(suite), "server", "--url", f"{served.url}/mcp", "--requirements", revision]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path)],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=SUITE_SECONDS,
        check=False,
    )
    checks = [
        {**check, "scenario": file.parent.name}
        for file in tmp_path.rglob("checks.json")
        for check in json.loads(file.read_text(encoding="utf-8"))
    ]
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert len(checks) > 30, "the suite ran next to nothing"


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{NODE}:{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
