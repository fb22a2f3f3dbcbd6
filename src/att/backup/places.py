"""What a backup takes of an appliance, and where it lies there."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts
from att.backup.tree import Walk

DATABASE, FORGE, API, PROJECTS, SERVICES, CONFIG, ENGINE = (
    "database",
    "forge",
    "api",
    "projects",
    "services",
    "config",
    "engine",
)
PARTS = (API, DATABASE, FORGE, PROJECTS, SERVICES, CONFIG, ENGINE)
HISTORY, BAD_VERSIONS, FLOOR = "history.jsonl", "bad-versions.json", "floor.json"
STAGE = ".backup-"
"""Begin of the folder in the API's state where the database's copy and the forge lie while they are read."""
RESTORE = ".restore"
"""Folder beside what a restore exchanges: what waits for its place, and what was there before."""

ENGINE_STAYS = frozenset({"trust", "building", "start.json"})
"""What the engine knows of this machine alone, its signing key above all: in no backup, and no restore replaces it."""
_ENGINE_LEFT = ENGINE_STAYS | {"databases", HISTORY}
_STATE_LEFT = frozenset({"api", "upgrade", "launcher", "projects"})
_API_LEFT = re.compile(r"db|db-\d+|\.db-.*|\.backup-.*|forge|uploads/.*|\.switch-.*|\.doomed-.*")
_SLOT_LEFT = re.compile(r"[^/]+/(tasks|home/\.cache)/.*")
_REBUILT = frozenset({"__pycache__", "node_modules"})
# https://bford.info/cachedir/ and PEP 405.
_MARKS = frozenset({"CACHEDIR.TAG", "pyvenv.cfg"})


@dataclass(frozen=True)
class Sources:
    """The folders of one appliance that a backup reads; `stage` holds the copies of database and forge."""

    facts: Facts
    stage: Path

    def walks(self) -> Iterator[Walk]:
        """Yield what is walked, in the order of a backup."""
        paths = self.facts.paths
        # A restore puts the next two into the first.
        yield Walk(paths.api_state, API, _matches(_API_LEFT))
        yield Walk(self.stage / DATABASE, DATABASE)
        yield Walk(self.stage / FORGE, FORGE)
        yield Walk(paths.projects, PROJECTS, left_of_slots, is_rebuilt)
        for folder in services_of(self.facts):
            yield Walk(folder, f"{SERVICES}/{folder.name}")
        yield Walk(paths.config.parent, CONFIG, lambda path: path.split("/")[0].startswith("."))
        yield Walk(paths.upgrade_state, ENGINE, lambda path: path in _ENGINE_LEFT or path.startswith("."))


def restore_folders(facts: Facts) -> tuple[Path, Path]:
    """Return the folder of a restore beside the state, which has its journal, and the one beside the settings."""
    return facts.paths.state / RESTORE, facts.paths.config.parent / RESTORE


def services_of(facts: Facts) -> list[Path]:
    """Return the state folders of the other services: all but those that have a part of their own or stay."""
    paths = facts.paths
    left = _STATE_LEFT | {paths.backups.name}
    if not paths.state.is_dir():
        return []
    return [
        path
        for path in sorted(paths.state.iterdir())
        if path.is_dir() and not path.is_symlink() and path.name not in left and not path.name.startswith(".")
    ]


def left_of_slots(path: str) -> bool:
    """Whether a path below the projects is left out: logs and sockets of tasks, caches, what is installed."""
    return bool(_SLOT_LEFT.fullmatch(path)) or path.rpartition("/")[2] in _REBUILT


def is_rebuilt(names: Collection[str]) -> bool:
    """Whether a folder with these names in it is a cache or a virtual environment."""
    return not _MARKS.isdisjoint(names)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda path: bool(pattern.fullmatch(path))
