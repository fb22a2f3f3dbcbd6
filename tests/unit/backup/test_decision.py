"""What may be restored, which rename comes next, when a backup is due, and which are kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.backup.decision import (
    Here,
    Phase,
    Resume,
    Schedule,
    Seen,
    Step,
    appliance_name,
    backward,
    due,
    file_name,
    forward,
    higher,
    refusal,
    resume,
    stamp_of,
    surplus,
)
from att.backup.schema import Manifest

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
MANIFEST = Manifest(
    product="att-appliance",
    appliance="att-1a2b3c4d",
    made=NOW,
    release="1.2.0",
    schema_version=5,
    min_reader=4,
    bytes=1,
)
HERE = Here("att-appliance", "1.2.0", 5)


@pytest.mark.parametrize("release", ["1.2.0", "1.2.1.dev1+gabc", "1.3.0", "2.0.0"])
def test_the_same_and_any_later_release_takes_a_backup_in(release: str) -> None:
    assert refusal(MANIFEST, replace(HERE, release=release)) is None


@pytest.mark.parametrize(
    ("here", "code", "words"),
    [
        (replace(HERE, product="other"), "backup_foreign", "of 'att-appliance'"),
        (replace(HERE, release="1.1.9"), "backup_too_new", "of release 1.2.0, this is 1.1.9"),
        (replace(HERE, release="1.2.0.dev9+gabc"), "backup_too_new", "of release 1.2.0"),
        (replace(HERE, release="what?"), "backup_too_new", "of release 1.2.0"),
        (replace(HERE, schema_version=3), "backup_too_new", "needs schema 4, this release has 3"),
    ],
)
def test_what_does_not_fit_is_refused_and_told_why(here: Here, code: str, words: str) -> None:
    found = refusal(MANIFEST, here)
    assert found is not None
    assert (found.code, words in found.detail) == (code, True)


def test_a_version_that_is_none_is_only_restored_on_itself() -> None:
    odd = MANIFEST.model_copy(update={"release": "checkout"})
    assert refusal(odd, replace(HERE, release="checkout")) is None
    assert refusal(odd, HERE) is not None


def test_a_floor_never_sinks() -> None:
    assert [higher("1.0.0", "2.0.0"), higher("2.0.0", "1.0.0"), higher("", "1.0.0"), higher("1.0.0", "")] == [
        "2.0.0",
        "2.0.0",
        "1.0.0",
        "1.0.0",
    ]


@pytest.mark.parametrize(
    ("host", "name"),
    [("att", "att-1a2b3c4d"), ("My Box.lan", "my-box-lan-1a2b3c4d"), ("", "appliance-1a2b3c4d"), ("x" * 80, "")],
)
def test_an_appliance_is_named_after_its_host_and_its_key(host: str, name: str) -> None:
    made = appliance_name(host, "1a2b3c4d" * 8)
    assert made == (name or f"{'x' * 32}-1a2b3c4d")


def test_the_oldest_of_this_appliance_go_and_nothing_else() -> None:
    own = [file_name("att-1", NOW + timedelta(days=day)) for day in range(5)]
    others = [file_name("att-2", NOW), "att-backup-att-1.attbk", "photo.png", f".{own[0]}.12ab"]
    assert surplus([*others, *own], "att-1", 2) == [own[2], own[1], own[0]]
    assert surplus([*others, *own], "att-1", 5) == []


def test_the_time_in_a_name_is_known_whatever_the_appliance_is_called() -> None:
    assert stamp_of(file_name("att-1a2b3c4d", NOW)) == stamp_of(file_name("b-0", NOW)) == "20261122T023000Z"
    assert stamp_of("att-backup-before-the-move.attbk") == ""


@pytest.mark.parametrize(
    ("schedule", "ago", "reason"),
    [
        ("off", None, "backup.schedule is off"),
        ("daily", None, ""),
        ("daily", timedelta(hours=23), ""),
        ("daily", timedelta(hours=2), "the last one was made at 2026-11-22 00:30 UTC"),
        ("weekly", timedelta(days=3), "the last one was made at 2026-11-19 02:30 UTC"),
        ("weekly", timedelta(days=7), ""),
        # A clock that was set back must not keep it from ever being due.
        ("daily", -timedelta(days=400), ""),
    ],
)
def test_a_backup_is_due_once_a_period(schedule: Schedule, ago: timedelta | None, reason: str) -> None:
    assert due(schedule, None if ago is None else NOW - ago, NOW) == reason


@pytest.mark.parametrize(
    ("phase", "staged", "act"),
    [
        (None, False, Resume.NOTHING),
        (None, True, Resume.SWEEP),
        (Phase.SWITCHING, True, Resume.REVERT),
        (Phase.SWITCHED, True, Resume.PROVE),
        (Phase.PROVED, True, Resume.SWEEP),
        (Phase.REVERTED, True, Resume.SWEEP),
    ],
)
def test_what_was_interrupted_goes_back_unless_all_was_in_its_place_and_runs(
    phase: Phase | None, staged: bool, act: Resume
) -> None:
    assert resume(phase, staged=staged) is act


def renamed(seen: Seen, step: Step) -> Seen:
    match step:
        case Step.DISPLACE:
            return replace(seen, aside=True)
        case Step.PLACE:
            return replace(seen, waiting=False)
        case Step.WITHDRAW:
            return replace(seen, waiting=True)
        case Step.RETURN:
            return replace(seen, aside=False)


@given(had=st.booleans(), has=st.booleans(), cut=st.integers(0, 3))
def test_from_wherever_it_was_cut_a_move_reaches_either_end_and_never_loses_a_side(
    had: bool, has: bool, cut: int
) -> None:
    begin = seen = Seen(had=had, has=has, aside=False, waiting=has)
    for _ in range(cut):
        if (step := forward(seen)) is not None:
            seen = renamed(seen, step)
            live = (had and not seen.aside) + (has and not seen.waiting)
            assert live <= 1, "never two in one place"
    ahead = back = seen
    while (step := forward(ahead)) is not None:
        ahead = renamed(ahead, step)
    while (step := backward(back)) is not None:
        back = renamed(back, step)
    assert ahead == Seen(had=had, has=has, aside=had, waiting=False)
    assert back == begin
