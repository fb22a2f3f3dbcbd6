"""What takes the disk of a machine that is a folder, and how a disk grows that is played."""

import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from att.appliance import Facts, facts
from att.effects.processes import Finished, run
from att.effects.room import MEGABYTE, Room, tell_held
from att.kernel.errors import Failed, InvalidInput
from att.machine.disk import service, world
from att.machine.disk.decision import Partition
from att.machine.disk.schema import Taken
from att.machine.disk.service import DiskService
from att.machine.disk.walk import Walk
from att.machine.disk.world import SystemDisks

VDA3 = Partition("/dev/vda3", "ext4", "/dev/vda", 3)


class Disks:
    def __init__(self, found: Partition = VDA3) -> None:
        self.found = found
        self.done: list[str] = []
        self.failure = ""

    def partition(self, path: Path) -> Partition:
        assert path.exists()
        return self.found

    def look_again(self, found: Partition) -> None:
        self.done.append(f"look at {found.disk}")

    def grow_partition(self, found: Partition) -> str:
        self.done.append(f"partition {found.number}")
        return self.failure

    def grow_file_system(self, found: Partition) -> str:
        self.done.append(f"file system {found.device}")
        return ""

    def project_names(self) -> dict[int, str]:
        return {0: "my-bot"}


def fill(path: Path, megabytes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(1_000_000) * megabytes)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    found = facts().rooted(tmp_path)
    paths = found.paths
    shared = fill(paths.releases / "1.0.0/lib/shared", 3)
    (paths.releases / "2.0.0/lib").mkdir(parents=True)
    os.link(shared, paths.releases / "2.0.0/lib/shared")
    fill(paths.releases / "2.0.0/lib/own", 2)
    paths.current.symlink_to("releases/2.0.0")
    fill(paths.projects / "p000/work/data", 1)
    (paths.projects / "p001/work").mkdir(parents=True)
    fill(paths.api_state / "db-2/att.db", 1)
    fill(paths.api_state / "db-1/att.db", 1)
    paths.api_database.symlink_to("db-2")
    fill(paths.state / "backups/old.backup", 2)
    fill(tmp_path / "var/log/journal/x/system.journal", 1)
    return found


def taken(machine: Facts, what: str) -> dict[str, Taken]:
    return {one.name: one for one in DiskService(machine, Disks()).show().taken if one.what == what}


def test_what_releases_share_is_not_freed_by_removing_one(machine: Facts) -> None:
    releases = taken(machine, "release")
    assert set(releases) == {"1.0.0", "2.0.0 (current)"}
    assert releases["1.0.0"].mb == pytest.approx(3.0, abs=0.2)
    assert releases["1.0.0"].own_mb == pytest.approx(0.0, abs=0.2)
    assert releases["2.0.0 (current)"].mb == pytest.approx(5.0, abs=0.2)
    assert releases["2.0.0 (current)"].own_mb == pytest.approx(2.0, abs=0.2)


def test_projects_have_their_names_and_empty_places_are_not_shown(machine: Facts) -> None:
    assert set(taken(machine, "project")) == {"my-bot"}
    fill(machine.paths.projects / "p001/work/a", 1)
    fill(machine.paths.projects / "p001/work/b", 1)
    fill(machine.paths.projects / "p001/work/c", 1)
    assert set(taken(machine, "project")) == {"my-bot", "p001"}


def test_databases_say_which_one_lives(machine: Facts) -> None:
    assert set(taken(machine, "database")) == {"db-1 (kept)", "db-2 (live)"}


def test_all_is_shown_largest_first_with_the_file_systems_and_what_frees_some(machine: Facts) -> None:
    found = DiskService(machine, Disks()).show()
    assert found.complete
    assert [one.mb for one in found.taken] == sorted((one.mb for one in found.taken), reverse=True)
    (one,) = found.file_systems
    assert (one.device, one.kind, one.path) == ("/dev/vda3", "ext4", str(machine.root))
    assert one.size_mb > one.free_mb > 0
    assert [one.command for one in found.freeable] == [f"sudo rm {machine.paths.state}/backups/old.backup"]


def test_backups_in_the_folder_of_the_settings_are_shown_with_the_command_that_removes_them(machine: Facts) -> None:
    machine.paths.config.parent.mkdir(parents=True)
    machine.paths.config.write_text("backup:\n  folder: /srv/backups\n")
    elsewhere = fill(machine.root / "srv/backups/att-backup-att-1a2b3c4d-20261122T023000Z.attbk", 3)
    fill(machine.root / "srv/backups/of somebody else", 1)
    found = DiskService(machine, Disks()).show()
    assert {one.name for one in found.taken if one.what == "backup"} == {"old.backup", str(elsewhere)}
    assert f"sudo rm {elsewhere}" in [one.command for one in found.freeable]


def test_a_disk_that_the_api_only_reads_is_full_until_it_writes_again(
    machine: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "room_of", lambda _path: Room(94.0, 9_000 * MEGABYTE))
    assert DiskService(machine, Disks()).show().file_systems[0].level == "warning"
    tell_held(machine.paths.run, [machine.root])
    assert DiskService(machine, Disks()).show().file_systems[0].level == "full"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no other file system")
def test_backups_on_another_disk_take_none_of_this_one(machine: Facts) -> None:
    machine.paths.config.parent.mkdir(parents=True)
    machine.paths.config.write_text("backup:\n  folder: /mnt/shm\n")
    (machine.root / "mnt").mkdir()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        (machine.root / "mnt/shm").symlink_to(other)
        fill(Path(other) / "att-backup-att-1a2b3c4d-20261122T023000Z.attbk", 1)
        assert set(taken(machine, "backup")) == {"old.backup"}


def test_a_walk_that_is_too_long_says_so(machine: Facts) -> None:
    walk = Walk(entries_left=3)
    walk.measure(machine.root)
    assert not walk.complete
    late = Walk(deadline=0.0)
    late.measure(machine.root)
    assert not late.complete


def test_links_are_not_followed_and_what_is_gone_is_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "big", 2)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link").symlink_to(tmp_path / "big")
    assert Walk().measure(tmp_path / "folder").bytes < 1_000_000
    assert Walk().measure(tmp_path / "nothing").files == 0
    assert Walk().measure(tmp_path / "big").bytes == pytest.approx(2_000_000, abs=100_000)


def test_a_sparse_file_counts_as_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1_000_000_000)
    assert Walk().measure(tmp_path).bytes < 1_000_000


def test_the_disk_is_asked_then_the_partition_grows_then_the_file_system(machine: Facts) -> None:
    disks = Disks()
    (grown,) = DiskService(machine, disks).grow().items
    assert disks.done == ["look at /dev/vda", "partition 3", "file system /dev/vda3"]
    assert (grown.device, grown.changed, grown.before_mb) == ("/dev/vda3", False, grown.after_mb)


def test_what_cannot_grow_is_refused_and_a_failure_ends_it(machine: Facts) -> None:
    foreign = Disks(Partition("overlay", "overlay", "overlay", None))
    with pytest.raises(InvalidInput, match="no disk of this machine"):
        DiskService(machine, foreign).grow()
    failing = Disks()
    failing.failure = "no room"
    with pytest.raises(Failed, match="cannot grow /dev/vda3: no room"):
        DiskService(machine, failing).grow()
    assert failing.done[-1] == "partition 3"


def sysfs(root: Path) -> None:
    disk = root / "sys/devices/virtio/block/vda"
    (disk / "vda3").mkdir(parents=True)
    (disk / "device").mkdir()
    (disk / "device/rescan").write_text("")
    (disk / "vda3/partition").write_text("3\n")
    block = root / "sys/class/block"
    block.mkdir(parents=True)
    (block / "vda").symlink_to(disk)
    (block / "vda3").symlink_to(disk / "vda3")


class Programs:
    """findmnt, growpart and resize2fs as they answer."""

    def __init__(self, source: str = "/dev/vda3", code: int = 0) -> None:
        self.source = source
        self.code = code
        self.calls: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> Finished:
        self.calls.append(command)
        if command[0] == "findmnt":
            return Finished(0, f'{{"filesystems": [{{"source": "{self.source}", "fstype": "ext4"}}]}}', "")
        return Finished(self.code, "said", "why" if self.code > 1 else "")


def test_the_partition_is_found_behind_the_mount_and_grown_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs(tmp_path)
    disks, programs = SystemDisks(facts().rooted(tmp_path)), Programs()
    monkeypatch.setattr(world, "run", programs)
    found = disks.partition(tmp_path)
    assert found == VDA3
    disks.look_again(found)
    assert (tmp_path / "sys/class/block/vda/device/rescan").read_text() == "1"
    programs.code = 1
    assert disks.grow_partition(found) == ""
    programs.code = 2
    assert disks.grow_partition(found) == "why"
    assert disks.grow_file_system(found) == "why"
    assert programs.calls[1:] == [["growpart", "/dev/vda", "3"]] * 2 + [["resize2fs", "/dev/vda3"]]


def test_a_whole_disk_has_no_partition_to_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs(tmp_path)
    disks, programs = SystemDisks(facts().rooted(tmp_path)), Programs("/dev/vda")
    monkeypatch.setattr(world, "run", programs)
    found = disks.partition(tmp_path)
    assert found == Partition("/dev/vda", "ext4", "/dev/vda", None)
    assert disks.grow_partition(found) == ""
    assert len(programs.calls) == 1
    programs.source = "overlay"
    assert disks.partition(tmp_path).number is None


def test_projects_are_named_by_the_database_and_without_one_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = facts().rooted(tmp_path)
    real = run
    monkeypatch.setattr(world, "run", lambda command, user, **more: real(command, **more))
    assert SystemDisks(where).project_names() == {}
    where.paths.api_database.mkdir(parents=True)
    with sqlite3.connect(where.paths.api_database / "att.db") as database:
        database.execute("CREATE TABLE projects (slot INTEGER, slug TEXT)")
        database.executemany("INSERT INTO projects VALUES (?, ?)", [(7, "my-bot"), (None, "gone")])
    database.close()
    assert SystemDisks(where).project_names() == {7: "my-bot"}
