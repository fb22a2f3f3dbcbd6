"""The text of an authorized_keys file: what is a key, and what a change leaves as it was."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.ssh.decision import KINDS, Entry, added, entries, named, parse, plain_comment, removed, strange


def entry(kind: str = "ssh-ed25519", tail: bytes = b"1", comment: str = "ann", options: str = "") -> Entry:
    return Entry(kind, len(kind).to_bytes(4) + kind.encode() + tail, comment, options)


ANN, BEA = entry(), entry(tail=b"2", comment="bea@home")
TEXT = f"# keys of the house\n{ANN.line}\n\nnonsense\n{BEA.line}"

comments = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=12)
options = st.sampled_from(["", "no-pty", 'from="10.0.0.0/8,*.example.org",no-pty', 'command="echo \\"a b\\" #"'])
found_entries = st.builds(entry, st.sampled_from([*KINDS, "ssh-dss"]), st.binary(max_size=40), comments, options)


def test_keys_comments_blank_lines_and_nonsense_are_told_apart() -> None:
    assert entries(TEXT) == (ANN, BEA)
    assert strange(TEXT) == 1


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    blob = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    found = parse(f"ssh-ed25519 {blob} someone")
    assert found is not None
    assert found.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@given(found_entries)
def test_every_entry_is_read_as_it_is_written(one: Entry) -> None:
    assert parse(one.line) == one
    assert parse(f"  {one.line} \r\n") == one


@given(found_entries, st.text(" \t", min_size=1, max_size=3), st.text(" \t", min_size=1, max_size=3))
def test_blanks_and_tabs_part_the_fields_as_sshd_reads_them(one: Entry, first: str, second: str) -> None:
    blob = base64.b64encode(one.blob).decode()
    options = f"{one.options}{second}" if one.options else ""
    assert parse(f"{options}{one.kind}{first}{blob}{second}{one.comment}") == one


@given(st.text(max_size=80))
def test_no_line_makes_the_reading_fail(line: str) -> None:
    parse(line)
    assert strange(line) <= line.count("\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "#ssh-ed25519 AAAA",
        f"# {ANN.line}",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 " + base64.b64encode(b"\0\0\0\7ssh-rsa").decode(),
        "no-pty nonsense AAAA",
        'command="open ' + ANN.line,
    ],
)
def test_what_is_no_key_is_none(line: str) -> None:
    assert parse(line) is None


def test_a_key_is_added_once_on_a_line_of_its_own() -> None:
    new = entry(tail=b"3", comment="new")
    after = added(TEXT, new)
    assert after == f"{TEXT}\n{new.line}\n"
    assert added(after, entry(tail=b"3", comment="again")) == after
    assert added("", new) == f"{new.line}\n"


def test_a_key_that_is_only_let_in_with_options_is_added_beside() -> None:
    bound = entry(options="no-pty")
    assert entries(added(bound.line + "\n", ANN)) == (bound, ANN)


@given(st.lists(found_entries, max_size=6), st.integers(0, 5))
def test_removing_takes_all_lines_of_one_key_and_leaves_the_others_as_they_were(all_: list[Entry], at: int) -> None:
    text = "# first\n" + "".join(f"{one.line}\n" for one in all_) + "odd line"
    if not all_:
        return
    gone = all_[at % len(all_)]
    after = removed(text, gone)
    assert entries(after) == tuple(one for one in all_ if one.blob != gone.blob)
    assert after.startswith("# first\n")
    assert after.endswith("odd line")


def test_a_key_is_named_by_its_fingerprint_its_beginning_or_its_comment() -> None:
    both = (ANN, BEA, entry(options="no-pty"))
    for name in (BEA.fingerprint, BEA.fingerprint[7:], BEA.fingerprint[:14], BEA.fingerprint[7:13], "bea@home"):
        assert named(both, name) == [BEA], name
    assert [one.blob for one in named(both, "ann")] == [ANN.blob]
    assert named(both, BEA.fingerprint[7:12]) == []
    assert named(both, "") == []


def test_only_kinds_of_today_open_the_door() -> None:
    assert all(entry(kind).usable for kind in KINDS)
    assert not entry("ssh-dss").usable


def test_a_comment_is_one_line_that_draws_nothing() -> None:
    assert plain_comment("Ann, home")
    assert not any(plain_comment(one) for one in ("a\nb", "a\x1b[2J", " a", "x" * 201))
