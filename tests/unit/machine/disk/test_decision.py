"""When a disk is full, what frees some, and what can grow."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.disk.decision import Limits, Partition, Thing, level, obstacle, ways

LIMITS = Limits(warn_percent=85, limit_percent=95, free_mb_min=256)


@pytest.mark.parametrize(
    ("percent", "free_mb", "inodes", "said"),
    [
        (10.0, 9_000, 1_000, "ok"),
        (84.9, 9_000, None, "ok"),
        (85.0, 9_000, 1_000, "warning"),
        (10.0, 255, 1_000, "warning"),
        (94.9, 9_000, 1_000, "warning"),
        (95.0, 9_000, 1_000, "full"),
        (10.0, 9_000, 0, "full"),
    ],
)
def test_a_file_system_is_judged_by_the_settings(percent: float, free_mb: int, inodes: int | None, said: str) -> None:
    assert level(percent, free_mb, inodes, LIMITS) == said


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
