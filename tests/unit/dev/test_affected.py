"""Which tests the checks of ATT's own repository run on an appliance."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from att.forge.checks_file import parse, required
from att.workspace.schema import Program

REPOSITORY = Path(__file__).resolve().parents[3]
SITE = f"venv/lib/python3.{sys.version_info.minor}/site-packages"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    for room in ("kernel", "bootstrap", "jobs", "git", "nat"):
        (folder / "src/att" / room).mkdir(parents=True)
        (folder / "src/att" / room / "service.py").write_text(f"# {room}\n")
        if room != "git":
            (folder / "tests/unit" / room).mkdir(parents=True)
    shutil.copytree(folder / "src/att", tmp_path / "release" / SITE / "att")
    return folder


def affected(checkout: Path, release: str = "release") -> list[str]:
    script = str(REPOSITORY / ".att" / "affected.py")
    command = [sys.executable, script, str(checkout), str(checkout.parent / release)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()
    return [folder.removeprefix("tests/unit/") for folder in found]


def test_without_a_change_only_the_ground_and_the_cycle_are_tested(checkout: Path) -> None:
    (checkout / "src/att/jobs/__pycache__").mkdir()
    (checkout / "src/att/jobs/__pycache__/service.pyc").write_text("compiled")
    assert affected(checkout) == ["bootstrap", "kernel"]


def test_templates_that_the_build_put_into_their_room_are_a_difference_only_where_they_differ(checkout: Path) -> None:
    (checkout / "tests/unit/projects").mkdir()
    (checkout / "src/att/projects").mkdir()
    template = checkout / "templates/chatbot/template.toml"
    template.parent.mkdir(parents=True)
    template.write_text("one")
    shutil.copytree(checkout / "templates", checkout.parent / "release" / SITE / "att/projects/templates")
    assert affected(checkout) == ["bootstrap", "kernel"]
    template.write_text("two")
    assert affected(checkout) == ["bootstrap", "kernel", "projects"]


@pytest.mark.parametrize("change", ["written", "added", "removed"])
def test_a_room_that_differs_from_the_release_is_tested(checkout: Path, change: str) -> None:
    room = checkout / "src/att/jobs"
    if change == "removed":
        (room / "service.py").unlink()
    else:
        (room / ("service.py" if change == "written" else "more.py")).write_text("changed\n")
    (checkout / "src/att/git/service.py").write_text("it has no tests of its own\n")
    assert affected(checkout) == ["bootstrap", "jobs", "kernel"]


def test_without_a_release_everything_is_tested(checkout: Path) -> None:
    assert affected(checkout, "none") == ["bootstrap", "jobs", "kernel", "nat"]


def test_the_repository_s_own_checks_are_readable_all_required_and_run_by_nat_s_python() -> None:
    checks = parse((REPOSITORY / ".att" / "checks.yaml").read_bytes())
    assert required(checks) == ["affected", "collects"]
    assert {check.program for check in checks.values()} == {Program.NAT}
