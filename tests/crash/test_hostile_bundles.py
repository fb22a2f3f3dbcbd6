"""Every hostile bundle is refused by the engine's own door and way, each with its code; nothing else is touched."""

import ctypes
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.bench.table import Row, write
from tests.crash.appliance import ACCEPTED, AFTER, NEXT, Appliance, Used, made, measured, parts_of
from tests.crash.hostile.kind import Kind, flipped
from tests.crash.hostile.kinds import KINDS
from tests.crash.machine import problems
from tests.fakes.archives import compressed

from att.kernel.codes import CODES
from att.release.installed import verify_release

SECONDS_MAX = 5.0
MEMORY_BYTES_MAX = 256 << 20
WRITTEN_BYTES_MAX = 4 << 20
"""Beside the file itself, which is copied once: what an honest bundle of this size needs, and some."""
on_disks = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts the small disks that this needs")


@dataclass(frozen=True)
class Refused:
    """How one bundle was refused."""

    code: str
    size: int
    used: Used


def refused(kind: Kind, folder: Path) -> Refused:
    """Bring a bundle of this kind to a machine below `folder` and check all that must hold afterwards."""
    (folder / "outside").mkdir()
    (folder / "outside" / "victim").write_bytes(b"victim")
    machine = made(folder / "root")
    bundle = kind.make(machine, folder)
    kind.before(machine, bundle)
    before = machine.fixed(folder)
    fd = kind.open(bundle)
    size = os.fstat(fd).st_size
    ctypes.CDLL(None).malloc_trim(0)
    with measured() as used:
        code = machine.bring(fd)
    os.close(fd)
    after = machine.fixed(folder)
    kind.after(machine, bundle)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)} - {"filler"}
    assert not {name for name in changed if not name.startswith("filler/")}, (code, changed)
    _unharmed(machine)
    assert machine.bring_file(parts_of(AFTER).write(folder / "after.attb")) == ACCEPTED, "it is not ready for the next"
    assert machine.world().links().current == AFTER.version
    assert problems(machine) == []
    return Refused(code, size, used)


def _unharmed(machine: Appliance) -> None:
    current = machine.world().links().current
    assert current is not None
    assert problems(machine) == []
    assert verify_release(machine.layout.release(current)) == []
    assert not machine.layout.staging.exists()
    assert list(machine.layout.spool.iterdir()) == [], "the engine's copy is left"


def on_a_disk(options: str, place: Path, act: Callable[[], Refused]) -> Refused:
    """Do it with a tmpfs at `place`: in a thread of its own, with whose mount namespace the disk goes."""
    done: list[Refused | BaseException] = []

    def run() -> None:
        try:
            os.unshare(os.CLONE_NEWNS | os.CLONE_FS)
            for command in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", options, "att-test", str(place)]):
                subprocess.run(["mount", *command], check=True, timeout=20)
            done.append(act())
        except BaseException as error:  # noqa: BLE001 -- raised again by whoever waits for the thread
            done.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (found,) = done
    if isinstance(found, BaseException):
        raise found
    return found


def tried(kind: Kind, folder: Path) -> Refused:
    """Bring a bundle of this kind to a machine on the disk that it is for, within the bounds of all."""
    found = on_a_disk(kind.disk, folder, lambda: refused(kind, folder)) if kind.disk else refused(kind, folder)
    assert found.used.seconds < SECONDS_MAX, found
    assert found.used.memory < MEMORY_BYTES_MAX, found
    assert found.used.written < min(found.size, 1 << 32) + WRITTEN_BYTES_MAX, found
    return found


def cases(*, on_disk: bool) -> Iterator[Any]:
    """Yield the names of kinds: the first of each code, all others as long proofs."""
    seen = set[str]()
    for name, kind in KINDS.items():
        short = on_disk or kind.code not in seen
        if bool(kind.disk) == on_disk:
            seen.add(kind.code)
            yield pytest.param(name, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize("name", list(cases(on_disk=False)))
def test_a_hostile_bundle_is_refused_by_its_kind_and_the_next_good_one_taken(tmp_path: Path, name: str) -> None:
    assert tried(KINDS[name], tmp_path).code == KINDS[name].code


@on_disks
@pytest.mark.parametrize("name", list(cases(on_disk=True)))
def test_a_disk_that_cannot_take_a_bundle_is_named_and_the_next_one_taken_once_it_can(
    tmp_path: Path, name: str
) -> None:
    assert tried(KINDS[name], tmp_path).code == KINDS[name].code


def test_what_its_owner_does_to_a_file_that_was_handed_over_changes_nothing(tmp_path: Path) -> None:
    machine = made(tmp_path / "root")
    bundle = parts_of(NEXT).write(tmp_path / "a.attb")
    machine.hooks["journal VERIFIED intent"] = lambda: os.truncate(bundle, 100)
    assert machine.bring_file(bundle) == ACCEPTED
    assert problems(machine) == []
    assert verify_release(machine.layout.release(NEXT.version)) == []


def test_every_code_says_what_to_do_about_it() -> None:
    codes = {kind.code for kind in KINDS.values()}
    assert len({CODES[code] for code in codes}) == len(codes) >= 40


@pytest.mark.parametrize("way", ["cut", "flipped"])
@pytest.mark.long
def test_a_bundle_damaged_at_any_place_is_refused(tmp_path: Path, way: str) -> None:
    machine = made(tmp_path / "root")
    before = machine.fixed(tmp_path)
    found = [*swept(machine, tmp_path / "a.attb", way)]
    (tmp_path / "a.attb").unlink()
    assert set(found) <= {code for code in CODES if code.startswith(("bundle_", "signature_", "metadata_"))}
    assert machine.fixed(tmp_path) == before
    _unharmed(machine)
    assert machine.bring_file(parts_of(AFTER).write(tmp_path / "after.attb")) == ACCEPTED


def swept(machine: Appliance, path: Path, way: str) -> Iterator[str]:
    """Bring a bundle cut, or with a bit of its archive flipped, at each of two hundred places; yield the codes."""
    stream = parts_of(NEXT).stream()
    whole = compressed(stream)
    for number in range(200):
        if way == "cut":
            path.write_bytes(whole[: len(whole) * number // 200])
        else:
            path.write_bytes(compressed(flipped(stream, len(stream) * number // 200)))
        yield machine.bring_file(path)


@on_disks
@pytest.mark.long
def test_the_table_of_hostile_bundles(tmp_path: Path) -> None:
    rows, found = list[Row](), dict[str, Refused]()
    for number, (name, kind) in enumerate(KINDS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        found[name] = tried(kind, folder)
        rows.append(Row(name, f"`{found[name].code}`", f"`{kind.code}`"))
        assert found[name].code == kind.code, name
    for way in ("cut", "flipped"):
        machine = made(tmp_path / way)
        told = Counter(swept(machine, tmp_path / "a.attb", way))
        assert ACCEPTED not in told
        _unharmed(machine)
        rows.append(Row(f"{way} at 200 places", ", ".join(f"`{code}` {count}" for code, count in told.most_common())))
    write("hostile-bundles", "make e2e", [*_summary(found), *rows])


def _summary(found: dict[str, Refused]) -> Iterator[Row]:
    codes = {one.code for one in found.values()}
    yield Row("kinds, refused with their code", f"{len(found)}, {len(codes)} codes", "40")
    yield Row("outside staging touched; running release harmed; next good one not taken", "0; 0; 0", "0; 0; 0")
    most = max(found, key=lambda name: found[name].used.seconds)
    yield Row("most processor time", f"{found[most].used.seconds:.2f} s, {most}", f"{SECONDS_MAX:g} s")
    most = max(found, key=lambda name: found[name].used.memory)
    yield Row("most memory", f"{found[most].used.memory >> 20} MiB, {most}", f"{MEMORY_BYTES_MAX >> 20} MiB")
    beside = {name: one.used.written - min(one.size, one.used.written) for name, one in found.items()}
    most = max(beside, key=lambda name: beside[name])
    yield Row("most written beside the copy", f"{beside[most] >> 10} KiB, {most}", f"{WRITTEN_BYTES_MAX >> 10} KiB")
