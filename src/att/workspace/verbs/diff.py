"""Compares the worktree as an author sees it: files that git does not know yet are additions."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from att.workspace.git import history
from att.workspace.git.command import Worktree
from att.workspace.verbs import Verb


@dataclass(frozen=True)
class _WithIndex(Worktree):
    """A worktree seen with another index than its own."""

    index: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**super().environment(more), "GIT_INDEX_FILE": str(self.index)}


def compare(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a unified diff with its files: what is not committed, or `base` against `head` or the worktree."""
    if arguments.get("head") is not None or arguments.get("staged"):
        return history.diff(Worktree(root), arguments)
    with tempfile.TemporaryDirectory() as place:
        index = Path(place, "index")
        own = root / ".git" / "index"
        if own.is_file():
            shutil.copyfile(own, index)
        seen = _WithIndex(root, index)
        seen.must("compare", "add", "--intent-to-add", "--all", "--", ".")
        return history.diff(seen, arguments)


VERBS: Mapping[str, Verb] = {"diff.compare": compare}
READS = frozenset(VERBS)
