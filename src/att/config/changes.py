"""What differs between two states of the settings, by line and by setting, and what each difference takes."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from att.config import decision, json_schema
from att.config.document import dotted
from att.config.layers import value_at


@dataclass(frozen=True)
class Change:
    """One setting that differs; `reload` is `live` or `restart:<unit>`, `door` is `ssh` or None."""

    path: str
    before: Any
    after: Any
    reload: str
    door: str | None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the settings whose value differs; both sides are complete."""
    found = []
    for path, leaf in decision.leaves(json_schema.load()):
        old, new = value_at(before, path), value_at(after, path)
        if old != new:
            found.append(Change(dotted(path), old, new, str(leaf["reload"]), leaf.get("door")))
    return found


def unified(before: str, after: str) -> str:
    """Return the unified diff of two texts, empty when they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "att.yaml", "proposed"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def units_to_restart(found: list[Change]) -> list[str]:
    """Return the units that must be restarted before all of the changes hold, sorted."""
    return sorted({one.reload.removeprefix("restart:") for one in found if one.reload.startswith("restart:")})
