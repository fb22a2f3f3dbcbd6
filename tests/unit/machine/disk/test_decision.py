"""When a disk is full, what frees some, and what can grow."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.effects.room import MEGABYTE, Room
from att.machine.disk.decision import Level, Limits, Partition, Thing, lack, level, obstacle, ways, why

LIMITS = Limits(warn_percent=85, limit_percent=95, free_mb_min=256)


@pytest.mark.parametrize(
    ("percent", "free_mb", "inodes_percent", "said"),
    [
        (10.0, 9_000, 10.0, "ok"),
        (84.9, 9_000, 0.0, "ok"),
        (85.0, 9_000, 10.0, "warning"),
        (10.0, 9_000, 85.0, "warning"),
        (10.0, 255, 10.0, "warning"),
        (94.9, 9_000, 10.0, "warning"),
        (95.0, 9_000, 10.0, "full"),
        (10.0, 9_000, 95.0, "full"),
    ],
)
def test_a_file_system_is_judged_by_the_settings(
    percent: float, free_mb: int, inodes_percent: float, said: Level
) -> None:
    assert level(Room(percent, free_mb * MEGABYTE, inodes_percent), LIMITS) == said


@pytest.mark.parametrize(
    ("before", "percent", "said"),
    [
        ("full", 94.9, "full"),
        ("full", 93.0, "full"),
        ("full", 92.9, "warning"),
        ("warning", 94.9, "warning"),
        ("warning", 83.0, "warning"),
        ("full", 83.5, "warning"),
        ("warning", 82.9, "ok"),
        ("full", 82.9, "ok"),
        ("ok", 84.9, "ok"),
    ],
)
def test_a_level_is_left_only_some_way_below_where_it_began(before: Level, percent: float, said: Level) -> None:
    assert level(Room(percent, 9_000 * MEGABYTE), LIMITS, before) == said


def test_what_nothing_can_be_written_to_is_full_however_empty() -> None:
    read_only = Room(1.0, 9_000 * MEGABYTE, read_only=True)
    assert level(read_only, LIMITS) == "full"
    assert lack(read_only) == "disk_read_only"
    assert why("/a", read_only, LIMITS) == "the file system of /a is read-only"


def test_a_full_file_system_says_what_it_lacks_and_when_it_is_well_again() -> None:
    blocks, inodes = Room(96.4, 10, 20.0), Room(50.0, 10, 99.6)
    assert (lack(blocks), lack(inodes)) == ("disk_full", "disk_inodes")
    until = "from 95 % on ATT only reads, until it is less than 93 %"
    assert why("/a", blocks, LIMITS) == f"96 % of the blocks of /a are used; {until}"
    assert why("/a", inodes, LIMITS) == f"100 % of the inodes of /a are used; {until}"


@given(st.integers(2, 100), st.floats(0, 100))
def test_a_full_file_system_can_always_be_left(limit: int, used: float) -> None:
    limits = Limits(warn_percent=1, limit_percent=limit, free_mb_min=0)
    assert level(Room(0.0, 1), limits, "full") == "ok"
    if level(Room(used, 1), limits) == "full":
        assert level(Room(used, 1), limits, "full") == "full"


def test_what_can_go_is_named_with_its_command_most_first() -> None:
    found = ways(
        [
            Thing("journal", "", 164.0),
            Thing("project", "my-bot", 900.0),
            Thing("backup", "b1", 500.0, path="/var/lib/att/backups/b1"),
            Thing("packages", "", 30.0),
        ]
    )
    assert [(one.mb, one.command) for one in found] == [
        (900.0, "attctl project delete my-bot"),
        (500.0, "sudo rm /var/lib/att/backups/b1"),
        (100.0, "sudo journalctl --vacuum-size=64M"),
        (30.0, "sudo apt-get clean"),
    ]


def test_a_backup_under_any_name_is_removed_by_its_own_command_alone() -> None:
    path = "/var/lib/att/backups/old; reboot 'now'"
    (found,) = ways([Thing("backup", "old", 500.0, path=path)])
    assert shlex.split(found.command) == ["sudo", "rm", path]


@pytest.mark.parametrize(
    "thing",
    [
        Thing("project", "my-bot", 99.0),
        Thing("project", "att", 900.0),
        Thing("project", "my-bot", 900.0, live=True),
        Thing("release", "1.0.0", 900.0),
        Thing("journal", "", 64.9),
        Thing("packages", "", 0.9),
        Thing("database", "db-1", 900.0),
    ],
    ids=str,
)
def test_what_must_stay_or_is_not_worth_it_is_not_named(thing: Thing) -> None:
    assert ways([thing]) == ()


things = st.builds(
    Thing,
    st.sampled_from(["journal", "project", "backup", "packages", "release", "odd"]),
    st.text("abc-", max_size=8),
    st.floats(0, 1e6),
    st.booleans(),
    st.just("/var/lib/att/backups/x"),
)


@given(st.lists(things, max_size=8))
def test_nothing_live_is_ever_named_and_every_command_can_be_typed(found: list[Thing]) -> None:
    told = ways(found)
    assert len(told) <= sum(not one.live for one in found)
    assert [one.mb for one in told] == sorted((one.mb for one in told), reverse=True)
    assert all(shlex.split(one.command)[0] in ("sudo", "attctl") for one in told)


def test_only_a_disk_with_a_file_system_that_grows_can_grow() -> None:
    assert obstacle(Partition("/dev/vda3", "ext4", "/dev/vda", 3)) == ""
    assert "no disk of this machine" in obstacle(Partition("overlay", "overlay", "overlay", None))
    assert "it is no disk" in obstacle(Partition("", "", "", None))
    assert "xfs" in obstacle(Partition("/dev/vda3", "xfs", "/dev/vda", 3))
    assert "strange" in obstacle(Partition("/dev/vda3", "", "/dev/vda", 3))
