"""The one append of the audit log, judged by what `attctl audit verify` says of its files."""

import fcntl
import hashlib
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from att.appliance import facts
from att.kernel.errors import NotFound
from att.machine.audit.service import AuditService
from att_stage0 import audit


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return facts().rooted(tmp_path).paths.audit


def service(root: Path) -> AuditService:
    return AuditService(facts().rooted(root))


def test_a_line_carries_the_digest_of_the_one_before_as_sha256sum_tells_it(log: Path) -> None:
    for number in range(3):
        audit.append(log, {"n": number})
    lines = log.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[0])["previous"] == hashlib.sha256(b"").hexdigest()
    assert [json.loads(line)["previous"] for line in lines[1:]] == [
        hashlib.sha256(one).hexdigest() for one in lines[:2]
    ]
    assert log.stat().st_mode & 0o777 == 0o640


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["append", "torn", "older release", "long", "put aside"]), max_size=25))
def test_whatever_a_power_cut_or_an_older_release_left_the_chain_goes_on(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        path = facts().rooted(root).paths.audit
        path.parent.mkdir(parents=True)
        for number, step in enumerate([*steps, "append"]):
            with path.open("ab") as file:
                file.write({"torn": b'{"n":', "older release": b'{"n":1}\n'}.get(step, b""))
            if step == "put aside" and path.stat().st_size:
                path.rename(path.with_name(f"audit.log.{number + 1:06d}"))
            if step in ("append", "long"):
                audit.append(path, {"n": number, "x": "x" * (20_000 if step == "long" else 1)})
        told = service(root).verify()
        assert (told.whole, told.breaks) == (True, 0)


def test_a_full_file_is_put_aside_the_oldest_go_and_the_chain_runs_over_all(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "FILE_BYTES_MAX", 150)
    monkeypatch.setattr(audit, "FILES_KEPT", 3)
    for number in range(6):
        audit.append(log, {"n": number})
    told = service(tmp_path).verify()
    assert (told.whole, told.files, told.lines, told.from_the_start) == (True, 3, 6, True)
    for number in range(6, 20):
        audit.append(log, {"n": number})
    names = [path.name for path in audit.files(log)]
    assert names == ["audit.log.000007", "audit.log.000008", "audit.log.000009", "audit.log"]
    told = service(tmp_path).verify()
    assert (told.whole, told.files, told.from_the_start) == (True, 4, False)
    audit.files(log)[1].unlink()
    told = service(tmp_path).verify()
    assert told.broken is not None
    assert (told.whole, told.broken.file, told.broken.line) == (False, "audit.log.000009", 1)


def test_no_file_goes_before_as_many_were_put_aside_as_are_kept(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "FILE_BYTES_MAX", 1)
    seen = []
    for number in range(audit.FILES_KEPT + 4):
        audit.append(log, {"n": number})
        seen.append(len(audit.files(log)))
    assert seen == [*range(1, audit.FILES_KEPT + 1), *[audit.FILES_KEPT + 1] * 4]


def test_a_line_that_lost_no_more_than_its_line_break_is_one_like_others(tmp_path: Path, log: Path) -> None:
    for number in range(2):
        audit.append(log, {"n": number})
    log.write_bytes(log.read_bytes()[:-1])
    head = service(tmp_path).verify().head
    for number in range(2, 4):
        audit.append(log, {"n": number})
        told = service(tmp_path).verify(head)
        assert (told.whole, told.breaks, told.head_found) == (True, 0, True)


@pytest.mark.parametrize("torn", [b'{"n":', b'{"n":1}'])
def test_a_head_that_was_noted_after_a_torn_line_is_found_later(tmp_path: Path, log: Path, torn: bytes) -> None:
    audit.append(log, {"n": 0})
    with log.open("ab") as file:
        file.write(torn)
    head = service(tmp_path).verify().head
    audit.append(log, {"n": 2})
    assert service(tmp_path).verify(head).head_found


def test_many_who_append_at_once_leave_one_chain(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_TURN_SECONDS_MAX", 600.0)  # a slow disk gives no turn in 5 s

    def write(who: int) -> None:
        for number in range(10):
            audit.append(log, {"who": who, "n": number})

    threads = [threading.Thread(target=write, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = service(tmp_path).verify()
    assert (told.whole, told.lines, told.unchained) == (True, 60, 0)


def test_who_gets_no_turn_writes_without_the_chain_and_the_next_takes_it_in(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.append(log, {"n": 0})
    monkeypatch.setattr(audit, "_TURN_SECONDS_MAX", 0.0)
    holder = os.open(log.parent / audit.LOCK_FILE, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    audit.append(log, {"n": 1})
    os.close(holder)
    audit.append(log, {"n": 2})
    told = service(tmp_path).verify()
    assert (told.whole, told.lines, told.unchained) == (True, 3, 1)
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    assert not service(tmp_path).verify().whole


def test_who_may_read_the_folder_alone_takes_nobody_s_turn(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.append(log, {"n": 0})
    monkeypatch.setattr(audit, "_TURN_SECONDS_MAX", 0.0)
    holder = os.open(log.parent, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    audit.append(log, {"n": 1})
    os.close(holder)
    told = service(tmp_path).verify()
    assert (told.whole, told.lines, told.unchained) == (True, 2, 0)
    assert (log.parent / audit.LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_without_a_lock_a_line_is_written_and_the_next_takes_it_in(tmp_path: Path, log: Path) -> None:
    lock = log.parent / audit.LOCK_FILE
    log.parent.mkdir(parents=True)
    lock.symlink_to(tmp_path / "elsewhere")
    audit.append(log, {"n": 0})
    lock.unlink()
    audit.append(log, {"n": 1})
    told = service(tmp_path).verify()
    assert (told.whole, told.lines, told.unchained) == (True, 2, 1)


def test_a_line_too_long_keeps_what_is_short(log: Path) -> None:
    audit.append(log, {"action": "a", "long": "x" * audit.LINE_BYTES_MAX, "odd": "\udc80"})
    (line,) = log.read_bytes().splitlines()
    told = json.loads(line)
    assert (told["action"], told["left_out"], "long" in told) == ("a", 1, False)


def test_no_room_is_told_and_stops_nobody(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.parent.parent.mkdir(parents=True)
    log.parent.write_text("in the way")
    audit.append(log, {"n": 0})
    assert "cannot append to" in capsys.readouterr().err


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no"):
        service(tmp_path).verify()
