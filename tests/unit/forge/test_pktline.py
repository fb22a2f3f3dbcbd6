"""The beginning of a push, however it is cut, and how it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.forge.pktline import COMMANDS_BYTES_MAX, COMMANDS_MAX, FLUSH, NOTHING, Asked, Beginning, Command, pkt, refusal
from att.kernel.errors import AttError

A, B = "a" * 40, "b" * 40
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30).map(lambda name: f"refs/heads/{name}")
IDS = st.sampled_from([A, B, NOTHING])
COMMANDS = st.lists(st.builds(Command, IDS, IDS, NAMES), min_size=1, max_size=8)


def written(commands: list[Command], capabilities: str = "report-status side-band-64k") -> bytes:
    lines = []
    for at, one in enumerate(commands):
        tail = f"\0{capabilities}" if at == 0 else ""
        lines.append(pkt(f"{one.old} {one.new} {one.ref}{tail}\n".encode()))
    return b"".join(lines) + FLUSH


def fed(data: bytes, cuts: list[int] | None = None) -> Asked | None:
    beginning, at = Beginning(), 0
    for cut in [*sorted(set(cuts or [])), len(data)]:
        asked = beginning.feed(data[at:cut])
        at = max(at, cut)
        if asked is not None:
            return asked
    return None


@given(commands=COMMANDS, cuts=st.lists(st.integers(0, 600), max_size=8))
def test_the_list_is_read_alike_however_it_is_cut(commands: list[Command], cuts: list[int]) -> None:
    data = written(commands)
    asked = fed(data, [cut for cut in cuts if cut < len(data)])
    assert asked is not None
    assert asked.commands == tuple(commands)
    assert asked.capabilities == {"report-status", "side-band-64k"}
    assert asked.read == data
    assert asked.brings_pack is any(one.new != NOTHING for one in commands)


def test_what_follows_the_list_is_kept_for_git() -> None:
    data = written([Command(NOTHING, A, "refs/heads/x")]) + b"PACK and more"
    asked = fed(data)
    assert asked is not None
    assert asked.read == data


def test_shallow_lines_are_no_commands() -> None:
    data = pkt(f"shallow {A}\n".encode()) + written([Command(NOTHING, A, "refs/heads/x")])
    asked = fed(data)
    assert asked is not None
    assert len(asked.commands) == 1
    assert "report-status" in asked.capabilities


def test_an_unfinished_list_is_waited_for() -> None:
    assert fed(written([Command(NOTHING, A, "refs/heads/x")])[:-4]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"zzzz",
        b"0001",
        b"0004",
        pkt(b"hello\n"),
        pkt(f"{A} {B[:-1]} refs/heads/x\n".encode()),
        pkt(f"{A} {B.upper()} refs/heads/x\n".encode()),
        b"".join(pkt(f"{NOTHING} {A} refs/heads/{n}\n".encode()) for n in range(COMMANDS_MAX + 1)),
        pkt(b"shallow " + b"x" * 60_000) * (COMMANDS_BYTES_MAX // 60_000 + 1),
    ],
)
def test_what_is_no_list_of_refs_is_refused(data: bytes) -> None:
    with pytest.raises(AttError) as refused:
        fed(data)
    assert refused.value.code == "push_malformed"


@given(data=st.binary(max_size=200))
def test_no_bytes_do_anything_else_than_be_refused_or_wait(data: bytes) -> None:
    try:
        asked = fed(data)
    except AttError as error:
        assert error.code == "push_malformed"  # noqa: PT017 - the other outcome is right too
    else:
        assert asked is None or asked.read == data


def lines_of(report: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(report):
        size = int(report[at : at + 4], 16)
        found.append(report[at + 4 : at + size] if size else b"")
        at += size or 4
    return found


def test_a_refused_push_is_told_why_and_for_whose_sake() -> None:
    asked = fed(written([Command(A, B, "refs/heads/main"), Command(A, B, "refs/heads/x")]))
    assert asked is not None
    (whole, end) = lines_of(refusal(asked, {"refs/heads/main": "protected"}))
    assert (whole[:1], end) == (b"\x01", b"")
    assert lines_of(whole[1:]) == [
        b"unpack ok\n",
        b"ng refs/heads/main protected\n",
        b"ng refs/heads/x refused with the others\n",
        b"",
    ]


def test_a_client_without_sidebands_gets_the_bare_report() -> None:
    asked = fed(written([Command(A, B, "refs/heads/main")], "report-status"))
    assert asked is not None
    assert lines_of(refusal(asked, {}))[0] == b"unpack ok\n"


def test_a_client_that_wants_no_report_gets_none() -> None:
    asked = fed(written([Command(A, B, "refs/heads/main")], "ofs-delta"))
    assert asked is not None
    assert refusal(asked, {}) == b""
