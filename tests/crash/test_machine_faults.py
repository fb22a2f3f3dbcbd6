"""Faults of the machine: each has its named outcome, loses nothing, and its hint leads out when it is followed."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.bench.table import Row, write
from tests.crash.ailing import Seen, disk_full, inodes_gone, read_only
from tests.crash.certificates import certificate_of_a_wrong_clock
from tests.crash.clocks import YEAR, away
from tests.crash.owners import three_owners
from tests.crash.read_only_releases import releases_read_only

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mkfs.ext4") is None, reason="mounts file systems"),
]


FAULTS: dict[str, Callable[[Path], Seen]] = {
    "disk filled to the last block": disk_full,
    "inodes gone": inodes_gone,
    "file system turned read-only": read_only,
    "file system of the releases turned read-only": releases_read_only,
    "clock at 1970": partial(away, shift=None),
    "clock two years back": partial(away, shift=-2 * YEAR),
    "clock five years ahead": partial(away, shift=5 * YEAR),
    "certificate made by a wrong clock": certificate_of_a_wrong_clock,
    "three recovery owners at once": three_owners,
}


SAMPLE = ("disk filled to the last block", "clock at 1970", "three recovery owners at once")


@pytest.mark.parametrize(
    "name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.long) for name in FAULTS]
)
def test_a_fault_of_the_machine_is_named_loses_nothing_and_is_left_by_its_hint(tmp_path: Path, name: str) -> None:
    seen = FAULTS[name](tmp_path)
    print(name, seen)


@pytest.mark.long
def test_the_table_of_the_machine_s_faults(tmp_path: Path) -> None:
    rows = []
    for number, (name, fault) in enumerate(FAULTS.items()):
        (tmp_path / str(number)).mkdir()
        seen = fault(tmp_path / str(number))
        rows.append(Row(name, f"{seen.outcome}. Way out: {seen.way_out}. Data: {seen.data}", "data: none lost"))
    write("machine-faults", "make e2e", rows)
