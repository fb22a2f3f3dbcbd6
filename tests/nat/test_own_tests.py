"""ATT's own tests on an appliance: NAT's Python of the release runs those of the checkout."""

import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))


def link_runtime(site: Path) -> None:
    """Put into `site` what a release holds: of this venv what locks/runtime.txt names, without the tools."""
    site.mkdir(parents=True)
    named = re.findall(r"^([\w.-]+)==", (ROOT / "locks/runtime.txt").read_text(), flags=re.MULTILINE)
    here = [one for one in distributions() if canonical(one.name) in named]
    assert len(here) > len(named) / 2
    for top in {file.parts[0] for one in here for file in one.files or ()} - {"..", "__pycache__"}:
        (site / top).symlink_to(SITE / top)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.timeout(120)
def test_a_release_without_tools_runs_the_tests_of_a_change(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").touch()
    (tmp_path / "nat").symlink_to(ROOT / ".nat")
    link_runtime(tmp_path / "venv" / SITE.relative_to(sys.prefix))
    command = [str(tmp_path / "nat/bin/python"), "-m", "att_nat.tests", "-q", "tests/unit/kernel", "tests/unit/config"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
