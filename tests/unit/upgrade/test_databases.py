"""The database programs of a release: one that stands still is ended, in whatever way it stands."""

import os
from pathlib import Path

import pytest

from att.appliance import facts
from att.kernel.errors import Failed
from att.upgrade.databases import LOCK_SECONDS_MAX, TOTAL_SECONDS_MAX, DatabasePrograms


def programs(root: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> DatabasePrograms:
    where = facts().rooted(root)
    python = where.paths.releases / "1.0.0/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return DatabasePrograms(where)


@pytest.mark.parametrize("script", ["exec sleep 60", "exec >&-; exec sleep 60", "exec >&- 2>&-; exec sleep 60"])
def test_a_program_that_stands_still_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    made = programs(tmp_path, monkeypatch, script)
    with pytest.raises(Failed, match="no progress for") as caught:
        made.snapshot("1.0.0", "db-1", "db-2", 0.3, lambda note, percent=None: None)
    assert caught.value.code == "snapshot_failed"


def test_a_lock_is_held_longer_than_snapshot_and_migration_may_take() -> None:
    assert LOCK_SECONDS_MAX > 2 * TOTAL_SECONDS_MAX
