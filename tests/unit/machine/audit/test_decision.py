"""Every change before the last chained line is found; what the end lost shows by a head kept elsewhere."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.audit import decision
from att.machine.audit.decision import EMPTY, Line, Verdict, verify
from att_stage0.chain import PREVIOUS, SPAN_BYTES_MAX, digest, link_of

CHAINED, OLD, TORN, BROKEN_OFF = "chained", "old", "torn", "broken off"
_kinds = st.lists(st.sampled_from([CHAINED, CHAINED, CHAINED, OLD, TORN, BROKEN_OFF]), min_size=1, max_size=12)


def written(kinds: Sequence[str]) -> list[bytes]:
    """A log as its writer leaves it: each chained line covers what is since the last chained one."""
    lines: list[bytes] = []
    span = b""
    for number, kind in enumerate(kinds):
        if kind == CHAINED:
            line = json.dumps({"n": number, PREVIOUS: digest(span)}).encode() + b"\n"
            span = line
        else:
            line = {OLD: b'{"n":%d}\n', TORN: b'{"n":%d,"prev\n', BROKEN_OFF: b'{"previous":"%d"}\n'}[kind] % number
            span += line
        lines.append(line)
    return lines


def judged(lines: Sequence[bytes], head: str | None = None, *, from_the_start: bool = True) -> Verdict:
    return verify(
        (Line("audit.log", at, one) for at, one in enumerate(lines, 1)), from_the_start=from_the_start, head=head
    )


@given(_kinds)
def test_what_nobody_touched_is_whole(kinds: list[str]) -> None:
    verdict = judged(written(kinds))
    assert (verdict.whole, verdict.breaks, verdict.lines) == (True, 0, len(kinds))
    assert verdict.unchained == len(kinds) - kinds.count(CHAINED)


@given(_kinds.map(lambda kinds: [*kinds, CHAINED]), st.data())
def test_a_line_that_was_changed_removed_put_in_or_moved_is_found(kinds: list[str], data: st.DataObject) -> None:
    lines = written(kinds)
    at = data.draw(st.integers(0, len(lines) - 2))
    match data.draw(st.sampled_from(["change", "remove", "insert", "move"])):
        case "change":
            byte = data.draw(st.integers(0, len(lines[at]) - 2))
            lines[at] = lines[at][:byte] + bytes([lines[at][byte] ^ 1]) + lines[at][byte + 1 :]
        case "remove":
            del lines[at]
        case "insert":
            lines.insert(at, data.draw(st.sampled_from([b'{"n":99}\n', b"\n", lines[at]])))
        case _:
            lines[at : at + 2] = reversed(lines[at : at + 2])
    verdict = judged(lines)
    assert not verdict.whole
    assert verdict.first is not None
    assert verdict.first.at.number >= at


@given(_kinds, st.data())
def test_a_head_kept_elsewhere_is_found_for_as_long_as_the_log_holds_it(kinds: list[str], data: st.DataObject) -> None:
    lines = written(kinds)
    kept = data.draw(st.integers(0, len(lines)))
    head = judged(lines[:kept]).head
    assert judged(lines, head).head_found is True
    if kept:
        cut = judged(lines[: kept - 1], head)
        assert (cut.head_found, cut.whole, cut.first) == (False, False, None)
        assert judged(lines[: kept - 1]).whole


def test_the_first_broken_line_is_named_with_the_last_one_in_order_before_it() -> None:
    lines = written([CHAINED] * 6)
    lines[1] = lines[1].replace(b'"n": 1', b'"n": 7')
    lines[4] = lines[4].replace(b'"n": 4', b'"n": 7')
    verdict = judged(lines)
    assert verdict.first is not None
    assert (verdict.first.at.number, verdict.first.since and verdict.first.since.number) == (3, 2)
    assert verdict.breaks == 2


def test_a_log_without_its_beginning_is_broken_unless_older_files_are_gone() -> None:
    lines = written([CHAINED, CHAINED, OLD, CHAINED])[1:]
    broken = judged(lines)
    assert (broken.whole, broken.first and broken.first.since) == (False, None)
    assert judged(lines, from_the_start=False).whole
    assert not judged([lines[0], lines[2]], from_the_start=False).whole


def test_the_head_of_nothing_is_that_of_every_log() -> None:
    assert judged([], EMPTY).head_found is True
    assert judged(written([CHAINED]), EMPTY).whole


def test_of_a_long_run_without_the_chain_the_end_is_covered() -> None:
    old = b'{"n":"' + b"x" * 1_000 + b'"}\n'
    many = [old] * (SPAN_BYTES_MAX // len(old) + 5)
    last = json.dumps({PREVIOUS: digest(b"".join(many))}).encode() + b"\n"
    assert judged([*many, last]).whole
    assert not judged([*many[:-1], old.replace(b"x", b"y"), last]).whole
    assert judged([old.replace(b"x", b"y"), *many[1:], last]).whole


def test_only_whole_json_objects_with_a_digest_are_links() -> None:
    link = "0" * 64
    assert link_of(b'{"previous":"%s"}\n' % link.encode()) == link
    for text in (
        *(b'{"previous":"%s"}' % link.encode(), b'["previous"]\n', b'{"previous":7}\n', b"[" * 100_000 + b"\n"),
        *(
            b'{"previous":"%s"}\n' % b"0" * 63,
            b"\xff\n",
            b'{"previous":"%s","x":"%s"}\n' % (link.encode(), b"x" * (1 << 20)),
        ),
    ):
        assert link_of(text) is None


def test_looking_for_a_head_in_a_long_run_without_the_chain_hashes_each_byte_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[int] = []

    def counted(span: bytes | bytearray) -> str:
        hashed.append(len(span))
        return digest(span)

    monkeypatch.setattr(decision, "digest", counted)
    lines = [b'{"n":"%08d%s"}\n' % (number, b"x" * 100) for number in range(4000)]
    verdict = judged(lines, "0" * 64)
    assert (verdict.unchained, verdict.head_found, verdict.head) == (4000, False, digest(b"".join(lines)))
    assert sum(hashed) <= 4 * sum(map(len, lines))


def test_in_a_run_of_more_than_a_span_a_head_is_found_near_its_begin_at_its_end_and_before_the_next_link() -> None:
    lines = [b'{"n":"%08d%s"}\n' % (number, b"x" * 4000) for number in range(600)]
    over = next(at for at in range(600) if sum(map(len, lines[:at])) > SPAN_BYTES_MAX)
    heads = [digest(b"".join(lines[:at])) for at in (1, over - 1, over + 1, 600)]
    chained = json.dumps({"n": 1, PREVIOUS: heads[-1]}).encode() + b"\n"
    assert [judged(lines, head).head_found for head in heads] == [True] * 4
    assert [judged([*lines, chained], head).head_found for head in heads] == [True] * 4
    assert judged(lines[:-1], heads[-1]).head_found is False
