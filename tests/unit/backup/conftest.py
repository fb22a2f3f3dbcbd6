import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.backup.appliance import Home

from att.backup import recovery_key
from att.backup.recovery_key import RecoveryKey

Make = Callable[[str], Home]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk loses its power in these tests: nobody waits for it."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


@pytest.fixture
def home(tmp_path: Path) -> Make:
    """Furnished appliances by name, each in a folder of its own."""

    def make(name: str) -> Home:
        made = Home(tmp_path / name)
        made.furnish(name)
        return made

    return make


@pytest.fixture
def taken(home: Make, tmp_path: Path) -> Iterator[tuple[Home, RecoveryKey, int]]:
    """An appliance, its recovery key, and an open backup of it."""
    old = home("old")
    made = old.backup(tmp_path / "kept")
    fd = os.open(made.file, os.O_RDONLY)
    yield old, recovery_key.load(old.facts.paths.secrets / recovery_key.FILE), fd
    os.close(fd)
