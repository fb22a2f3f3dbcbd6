"""A fake API and a way to run attctl in this process."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from tests.unit.surfaces.cli.fake_api import FakeApi, over_tcp, serve

from att.surfaces.cli.app import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Attctl(Protocol):
    def __call__(self, *args: str, answer: str | None = None) -> Ran: ...


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A fake API that attctl finds by its environment."""
    with serve(over_tcp()) as found:
        monkeypatch.setenv("ATT_URL", found.url)
        monkeypatch.setenv("ATT_TOKEN", "att_secret")
        yield found


@pytest.fixture
def attctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Attctl:
    """Runs a command line; `answer` is what a person at a terminal types."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def run(*args: str, answer: str | None = None) -> Ran:
        stdin: Any = io.StringIO("") if answer is None else Terminal(answer + "\n")
        monkeypatch.setattr(sys, "stdin", stdin)
        capsys.readouterr()
        code = main(list(args))
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run
