"""Settings of the crash tests, and the table of the kills."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.table import Row, write
from tests.crash.machine import Machine
from tests.crash.test_engine_crashes import OLD


@pytest.fixture(scope="session")
def told() -> Iterator[list[Row]]:
    """Rows of what was killed; they are kept when somebody asked for a number of kills, as `make e2e` does."""
    rows: list[Row] = []
    yield rows
    if rows and "ATT_KILLS" in os.environ:
        write("kills", "make e2e", rows)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing of the page cache: waiting for the disk would prove nothing here."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    monkeypatch.setattr(os, "fdatasync", lambda _fd: None)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which the first release runs."""
    made = Machine(tmp_path / "m")
    made.install(OLD)
    made.first_boot()
    return made
