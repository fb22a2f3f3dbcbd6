"""Builds the base disk with mkosi: plain Debian that boots by BIOS and by UEFI, without any of ATT in it."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from dev.vm import sources
from dev.vm.places import ARTIFACTS, ROOT, cache, digest_of, files_of
from dev.vm.step import appliance_step, output_of, run, say

_DEFINITION = ROOT / "appliance" / "base"
_PACKAGES = ROOT / "appliance" / "packages.list"
_KEPT_DISKS_MAX = 2
_BUILD_SECONDS_MAX = 1500


def packages(text: str) -> list[str]:
    """Reads a packages.list: one name a line, `#` starts a comment."""
    names = (line.partition("#")[0].strip() for line in text.splitlines())
    return [name for name in names if name]


def digest() -> str:
    """Digest of everything in the repository that the base disk is made from, and of the mkosi that makes it."""
    inputs = files_of("appliance/base", "appliance/packages.list")
    return digest_of(inputs, output_of(["mkosi", "--version"]).strip())


def base_disk() -> Path:
    """Gives the base disk (QCOW2), built now unless the cache holds one of the same inputs."""
    disk = cache() / f"base-{digest()}.qcow2"
    with appliance_step("base", disk) as step:
        if disk.exists():
            os.utime(disk)
            step.notes = "from the cache"
        else:
            _build(disk)
            _forget_old(disk)
            step.notes = f"{disk.stat().st_size >> 20} MB"
    return disk


def _build(disk: Path) -> None:
    log = ARTIFACTS / f"mkosi-{time.strftime('%Y%m%dT%H%M%S')}.log"
    ARTIFACTS.mkdir(exist_ok=True)
    say(f"building the base disk with mkosi, log in {log.relative_to(ROOT)}")
    package_cache = cache() / "packages"
    package_cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="base-", dir=cache()) as folder:
        work = Path(folder)
        definition = work / "base"
        shutil.copytree(_DEFINITION, definition, symlinks=True)
        apt = work / "apt" / "etc/apt/sources.list.d"
        apt.mkdir(parents=True)
        # mkosi adds archives of its own unless it finds a file of this name.
        (apt / "mkosi.sources").write_text(sources.deb822(sources.host_mirror()))
        names = ",".join(packages(_PACKAGES.read_text()))
        run(
            [
                *("mkosi", "--directory", definition, "--force", "--output-dir", work, "--workspace-dir", work),
                *("--package-cache-dir", package_cache, "--package-manager-tree", work / "apt"),
                *("--package", names, "build"),
            ],
            timeout_seconds=_BUILD_SECONDS_MAX,
            log=log,
        )
        made = work / "base.qcow2"
        run(
            ["qemu-img", "convert", "-O", "qcow2", work / "att-base.raw", made],
            timeout_seconds=300,
            log=log,
        )
        made.rename(disk)


def _forget_old(newest: Path) -> None:
    disks = sorted(cache().glob("base-*.qcow2"), key=lambda disk: disk.stat().st_mtime, reverse=True)
    for disk in disks[_KEPT_DISKS_MAX:]:
        if disk != newest:
            disk.unlink(missing_ok=True)
