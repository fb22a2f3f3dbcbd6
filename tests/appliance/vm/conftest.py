"""The image, and one machine booted from it for all tests of this folder; they may run in any order."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dev.vm.image import Image
from tests.appliance.vm.operated import Operated, image_to_try, operated


@pytest.fixture(scope="session")
def image() -> Image:
    """The image that is tried, where this host can build one."""
    for tool in ("qemu-system-x86_64", "packer", "mkosi"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: dev/host-packages.sh image")
    return image_to_try()


@pytest.fixture(scope="session")
def booted(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """An appliance that was booted for the first time; its console is kept when a test fails."""
    folder = tmp_path_factory.mktemp("vm")
    with operated(image, folder) as found:
        print(f"ready after {found.boot():.0f} s, first boot, {found.machine.plan.accelerator}")
        yield found


@pytest.fixture
def appliance(booted: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    """The booted appliance, running and well; what a former test left off is put right first."""
    if booted.machine.pid() is None:
        booted.boot()
    booted.status_becomes_ok()
    failures = request.session.testsfailed
    yield booted
    if request.session.testsfailed > failures:
        _keep_evidence(booted, request.node.name)


def _keep_evidence(booted: Operated, name: str) -> None:
    kept = Path("artifacts") / "vm-failures" / name
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "serial.log").write_text(booted.machine.serial_text())
    if booted.machine.pid() is not None:
        (kept / "journal.log").write_text(booted.guest.shell("sudo journalctl -b --no-pager -n 3000", check=False))
