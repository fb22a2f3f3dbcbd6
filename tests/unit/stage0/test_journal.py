"""The frozen record format, on real files: torn tails, damage, full disks."""

import errno
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att_stage0.journal import JSON_BYTES_MAX, Journal, Record, decode, encode

BODIES = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20) | st.none(), max_size=4)
IDS = st.text("abcdefghjkmnpqrstvwxyz0123456789_", min_size=1, max_size=24)


def joined(records: list[Record]) -> bytes:
    return b"".join(encode(record) for record in records)


def some(count: int) -> list[Record]:
    return [Record(number, "txn_a", {"state": "VERIFIED", "n": number}) for number in range(1, count + 1)]


def test_the_bytes_of_a_record_never_change() -> None:
    assert encode(Record(7, "txn_1", {"state": "STAGED"})).hex() == (
        "41544a31" "12000000" "0700000000000000" "74786e5f31" + "00" * 19
        + b'{"state":"STAGED"}'.hex() + "84ee31eb"
    )  # fmt: skip


@given(st.lists(st.tuples(IDS, BODIES), max_size=5))
def test_what_is_written_is_read(pairs: list[tuple[str, dict[str, Any]]]) -> None:
    records = [Record(number, name, body) for number, (name, body) in enumerate(pairs, 1)]
    data = joined(records)
    assert decode(data).records == tuple(records)
    assert (decode(data).good_bytes, decode(data).damaged) == (len(data), False)


@given(st.integers(1, 4), st.data())
def test_a_tail_torn_anywhere_costs_only_the_last_record(count: int, data: st.DataObject) -> None:
    records = some(count)
    whole, before = joined(records), len(joined(records[:-1]))
    cut = data.draw(st.integers(before, len(whole) - 1))
    found = decode(whole[:cut])
    assert found.records == tuple(records[:-1])
    assert (found.good_bytes, found.damaged) == (before, False)


@given(st.integers(0, len(joined(some(1))) - 1))
def test_damage_in_the_middle_is_stepped_over_and_told(position: int) -> None:
    records = some(3)
    data = bytearray(joined(records))
    data[len(joined(records[:1])) + position] ^= 0xFF
    found = decode(bytes(data))
    assert found.records == (records[0], records[2])
    assert found.damaged


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert decode(data).good_bytes <= len(data)
    assert decode(b"ATJ1" + data).records == ()


def test_the_next_writer_cuts_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, lambda _: None)
    journal.append("txn_a", {"state": "VERIFIED"})
    good = path.stat().st_size
    path.write_bytes(path.read_bytes() + encode(Record(2, "txn_a", {"state": "STAGED"}))[:-3])
    journal.append("txn_a", {"state": "REFUSED"})
    assert [record.body["state"] for record in journal.read().records] == ["VERIFIED", "REFUSED"]
    assert [record.sequence for record in journal.read().records] == [1, 2]
    assert path.stat().st_size > good


def test_a_full_disk_is_met_with_the_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal", lambda _: None)
    journal.reserve()
    real = Journal._append
    full = [OSError(errno.ENOSPC, "full")]

    def once(self: Journal, transaction: str, body: dict[str, Any]) -> Record:
        if full and (tmp_path / "reserve").exists():
            raise full.pop()
        return real(self, transaction, body)

    monkeypatch.setattr(Journal, "_append", once)
    journal.append("txn_a", {"state": "ROLLING_BACK"})
    assert not (tmp_path / "reserve").exists()
    assert len(journal.read().records) == 1


def test_without_a_reserve_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, transaction: str, body: dict[str, Any]) -> Record:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Journal, "_append", full)
    with pytest.raises(OSError, match="full"):
        Journal(tmp_path / "journal", lambda _: None).append("txn_a", {})


def test_compacting_keeps_one_transaction(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", lambda _: None)
    for name in ("txn_a", "txn_b", "txn_a"):
        journal.append(name, {"state": "VERIFIED"})
    journal.compact(keep="txn_b")
    assert [record.transaction for record in journal.read().records] == ["txn_b"]


@pytest.mark.parametrize("record", [Record(1, "x" * 25, {}), Record(1, "x", {"t": "y" * JSON_BYTES_MAX})])
def test_a_record_that_no_reader_would_take_is_not_written(record: Record) -> None:
    with pytest.raises(ValueError, match="too long"):
        encode(record)
