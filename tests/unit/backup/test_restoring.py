"""A whole way there and back on temporary roots, cut at each of its effects."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.backup.appliance import Home
from tests.unit.backup.conftest import Make

from att.backup.recovery_key import RecoveryKey
from att.kernel.errors import AttError, Failed, Refused

Taken = tuple[Home, RecoveryKey, int]


class Cut(BaseException):
    """The power is gone."""


def cut_at(home: Home, number: int) -> list[str]:
    """Have `home` lose its power before its effect of that number; returns the list that the effects are told to."""
    told: list[str] = []

    def before(name: str) -> None:
        told.append(name)
        if len(told) == number:
            raise Cut(name)

    home.before_effect = before
    return told


def restored(home: Home, taken: Taken) -> None:
    _, key, fd = taken
    restoring = home.restoring()
    restoring.check(fd, key)
    restoring.restore(fd, key)


def expected_after(home: Home, taken: Taken) -> dict[str, str]:
    """What the disk shows once it is restored: all of the backup, but what stays with each machine or is made anew."""
    old = taken[0]
    wanted = {name: text for name, text in old.seen().items() if not any(part in name for part in LEFT)}
    own = home.seen()
    wanted |= {name: own[name] for name in own if any(part in name for part in STAYS)}
    wanted["var/lib/att/upgrade/bad-versions.json"] = (
        '[{"version": "0.9.3", "digest": "d"}, {"version": "0.9.5", "digest": "d"}]\n'
    )
    wanted["var/lib/att/upgrade/history.jsonl"] = (
        '{"id":"txn_1","started":"2026-01-01"}\n{"id":"txn_2","started":"2026-02-02"}\n'
    )
    told = '{"version": 5, "min_reader": 1, "origin": "", "release": "1.0.0"}\n'
    return {**wanted, "var/lib/att/upgrade/databases/db-1.json": told}


LEFT = ("/uploads/", "/.venv/", "/.cache/", "/tasks/", "/launcher/", "/upgrade/start.json", "/backups/")
STAYS = ("/launcher/", "/upgrade/start.json")


def fresh(make: Make) -> Home:
    made = make("fresh")
    made.past = b'{"id":"txn_2","started":"2026-02-02"}\n'
    return made


def test_everything_of_the_old_appliance_is_on_the_new_one(taken: Taken, home: Make) -> None:
    new = fresh(home)
    wanted = expected_after(new, taken)
    restored(new, taken)
    assert new.told() == "old"
    assert new.seen() == wanted
    paths = new.facts.paths
    assert (paths.projects / "p000/work/link").readlink() == Path("README.md")
    assert (paths.secrets / "sealing-key").stat().st_mode & 0o777 == 0o400
    assert new.asked == ["stand by", "migrate", "hold", "settle", "let go", "prove"]
    assert not [path for path in (paths.state / ".restore", paths.config.parent / ".restore") if path.exists()]


def test_the_key_that_signs_releases_is_never_exchanged(taken: Taken, home: Make) -> None:
    new = fresh(home)
    before = (new.facts.paths.local_trust / "appliance.key").read_bytes()
    restored(new, taken)
    assert (new.facts.paths.local_trust / "appliance.key").read_bytes() == before


def test_what_does_not_run_is_taken_back(taken: Taken, home: Make) -> None:
    new = fresh(home)
    before = new.seen()
    new.trouble = "database: missing"
    with pytest.raises(Failed, match="does not run: database: missing") as failed:
        restored(new, taken)
    assert failed.value.code == "restore_failed"
    assert (new.seen(), new.told()) == (before, "fresh")
    assert new.asked[-3:] == ["hold", "settle", "let go"]


def test_what_does_not_run_and_cannot_be_stopped_is_taken_back_by_who_resumes_it(
    taken: Taken, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = fresh(home)
    before = new.seen()
    new.trouble = "database: missing"

    def stuck(self: Home) -> None:
        if "let go" in self.asked:
            raise Failed("restore_failed", "cannot restore: cannot stop att-app@p000")

    with monkeypatch.context() as broken:
        broken.setattr(Home, "hold", stuck)
        with pytest.raises(Failed, match="cannot stop"):
            restored(new, taken)
    # Its gate was not there yet, but whoever asks is served.
    new.served, new.asked = True, []
    assert new.restoring().resume(held=False, proves=False).outcome == "reverted"
    assert (new.seen(), new.told()) == (before, "fresh")
    assert new.asked == ["hold", "settle", "let go"]


@pytest.mark.parametrize("trouble", ["", "database: missing"])
def test_a_terminal_that_is_gone_keeps_it_neither_from_its_end_nor_from_its_way_back(
    taken: Taken, home: Make, trouble: str
) -> None:
    new, (_, key, fd) = fresh(home), taken
    new.trouble = trouble
    before, wanted = new.seen(), expected_after(new, taken)
    restoring = new.restoring()
    restoring.check(fd, key)

    def closed(_step: str, _percent: float | None) -> None:
        raise OSError(errno.EIO, "Input/output error")

    restoring.tell = closed
    with pytest.raises(Failed, match="does not run") if trouble else contextlib.nullcontext():
        restoring.restore(fd, key)
    assert (new.seen(), new.told()) == ((before, "fresh") if trouble else (wanted, "old"))
    assert "let go" in new.asked[-2:]


def copy_of(home: Home, folder: Path) -> Home:
    shutil.copytree(home.root, folder, symlinks=True)
    return replace(home, root=folder, asked=[])


def resumed(home: Home, *, boots: bool) -> str:
    """Resume, at a boot and then beside what runs, and lose the power again before each effect; how it ended."""
    for attempt in range(1, 200):
        cut_at(home, attempt)
        with contextlib.suppress(Cut):
            done = home.restoring().resume(held=not boots, proves=False)
            if done.outcome == "proving":
                done = home.restoring().resume(held=False, proves=True)
            return done.outcome
    raise AssertionError("it never ends")


@pytest.mark.parametrize("boots", [True, False])
@pytest.mark.parametrize("trouble", ["", "database: missing"])
def test_cut_before_any_of_its_effects_it_is_all_of_the_old_or_all_of_the_new_and_runs(
    taken: Taken, tmp_path: Path, home: Make, trouble: str, boots: bool
) -> None:
    origin = replace(fresh(home), trouble=trouble)
    whole = copy_of(origin, tmp_path / "whole")
    effects = cut_at(whole, 0)
    with contextlib.suppress(Failed):
        restored(whole, taken)
    assert len(effects) > 20
    seen = set()
    for number in range(1, len(effects) + 1):
        new = copy_of(origin, tmp_path / f"cut-{number}")
        former, wanted = new.seen(), expected_after(new, taken)
        cut_at(new, number)
        with pytest.raises(Cut):
            restored(new, taken)
        # The boot makes what it misses before anybody looks.
        (new.facts.paths.projects / "p000").mkdir(parents=True, exist_ok=True)
        done = resumed(new, boots=boots)
        assert new.restoring().resume(held=False, proves=True).outcome == "nothing"
        state = (new.seen(), new.told())
        assert state in ((former, "fresh"), (wanted, "old"))
        seen.add((done, state[1]))
    wanted_ends = {"fresh"} if trouble else {"fresh", "old"}
    assert {told for _, told in seen} == wanted_ends, "what does not run is never kept"


def test_at_a_boot_before_anybody_can_be_served_nobody_is_stopped_and_another_process_proves(
    taken: Taken, home: Make
) -> None:
    new = fresh(home)
    new.before_effect = cut_before("prove")
    with pytest.raises(Cut):
        restored(new, taken)
    new.asked, new.before_effect = [], lambda _: None
    assert new.restoring().resume(held=False, proves=False).outcome == "proving"
    assert (new.asked, new.told()) == (["stand by"], "old")
    before = new.seen()
    new.trouble = "database: missing"
    done = new.restoring().resume(held=False, proves=True)
    assert (done.outcome, done.problem) == (
        "reverted",
        "cannot restore: what was restored does not run: database: missing",
    )
    assert (new.told(), new.seen() != before) == ("fresh", True)
    assert new.asked == ["stand by", "prove", "hold", "settle", "let go"]


def cut_before(effect: str) -> Callable[[str], None]:
    def before(name: str) -> None:
        if name == effect:
            raise Cut(name)

    return before


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"release": "0.9.0"}, "backup_too_new"),
        ({"version": 0}, "backup_too_new"),
    ],
)
def test_an_older_appliance_refuses_and_keeps_what_it_has(
    taken: Taken, home: Make, own: dict[str, str | int], code: str
) -> None:
    new = replace(fresh(home), **own)  # type: ignore[arg-type]  # each is of its field's type
    before = new.seen()
    with pytest.raises(Refused) as refused:
        restored(new, taken)
    assert refused.value.code == code
    assert (new.seen(), new.asked) == (before, [])


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    taken: Taken, home: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = fresh(home)
    before = new.seen()
    found = os.statvfs(new.root)

    class Small:
        f_bavail, f_frsize, f_files, f_favail = 2, found.f_frsize, 0, 0

    monkeypatch.setattr(os, "statvfs", lambda _path: Small)
    with pytest.raises(AttError) as refused:
        restored(new, taken)
    assert refused.value.code == "disk_full"
    assert (new.seen(), new.asked) == (before, [])
