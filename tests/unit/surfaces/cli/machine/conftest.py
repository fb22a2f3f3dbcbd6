"""attctl at the SSH door of a machine that is a folder; whoever runs the tests is root there, called by ann."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from att.appliance import Facts, facts

Audited = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.run.mkdir(parents=True)
    monkeypatch.setattr("att.appliance.facts", lambda: found)
    monkeypatch.setattr("att.surfaces.cli.root.become_root", lambda _what: None)
    monkeypatch.setenv("SUDO_USER", "ann")
    return found


@pytest.fixture
def audited(box: Facts) -> Audited:
    """What the audit log says, without the times."""

    def read() -> list[dict[str, Any]]:
        if not box.paths.audit.exists():
            return []
        lines = [json.loads(line) for line in box.paths.audit.read_text().splitlines()]
        assert all(line.pop("at").endswith("Z") for line in lines)
        return lines

    return read
