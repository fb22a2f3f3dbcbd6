"""What is cut of a text may hold no half of a secret, which neither its name nor its value would find."""

import re
import subprocess

import pytest

from att.appliance import facts
from att.diagnostics import archive
from att.diagnostics.gathering import Gathered
from att.diagnostics.known import known
from att.diagnostics.reading import read
from att.diagnostics.redaction import redact
from att.diagnostics.sources import Command, Source, Tellers, sources

SECRET = "Zq8vR2mX7kLw3TnB9yHc5JdF"
PIECE_CHARS = 6


def pieces_in(text: str) -> list[str]:
    pieces = (SECRET[at : at + PIECE_CHARS] for at in range(len(SECRET) - PIECE_CHARS + 1))
    return [piece for piece in pieces if piece in text]


def told(source: Source) -> str:
    """All that would go of a source."""
    bundle = archive.redacted([Gathered(source, read(source), 0.0)], known([SECRET.encode()]), redact)
    return "".join([*bundle.texts.values(), *(one.problem for one in bundle.entries)])


@pytest.mark.parametrize("before", range(300, 420, 7))
def test_no_half_of_a_secret_stands_where_what_a_failed_program_says_is_cut(before: int) -> None:
    says = f"printf '%s' '{'x' * before} {SECRET} {'y' * 300}' >&2; exit 3"
    said = told(Source("one", Command(("sh", "-c", says))))
    assert "ended with 3" in said
    assert pieces_in(said) == []


@pytest.mark.parametrize("kept", range(1, len(SECRET), 5))
@pytest.mark.parametrize("to", [1, 2])
def test_no_half_of_a_secret_stands_where_a_program_that_says_much_is_cut(kept: int, to: int) -> None:
    after = "\n".join(["the end"] * 20)
    says = f"printf '%s' '{'x' * 500}{SECRET}\n{after}' >&{to}; exit 3"
    said = told(Source("one", Command(("sh", "-c", says)), bytes_max=len(after) + 1 + kept))
    assert "the end" in said
    assert pieces_in(said) == []


def test_the_list_of_processes_cuts_no_argument() -> None:
    (processes,) = (one for one in sources(facts(), Tellers(*[str] * 5)) if one.name == "machine/processes.txt")
    command = ["sh", "-c", "read -r _; :", "x" * 270, SECRET]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as one:
        try:
            assert SECRET in read(processes).text
            said = told(processes)
        finally:
            one.communicate(b"\n")
    assert re.search(rf"^ *{one.pid} .*\[redacted:value\]", said, re.MULTILINE)
    assert pieces_in(said) == []
