"""Unpacks a backup beside what is live, and makes of it what this appliance needs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from att.appliance import Facts
from att.backup import age, decision, reading
from att.backup.entry import Entry
from att.backup.places import (
    API,
    BAD_VERSIONS,
    CONFIG,
    DATABASE,
    ENGINE,
    ENGINE_STAYS,
    FLOOR,
    FORGE,
    HISTORY,
    PROJECTS,
    SERVICES,
    restore_folders,
    services_of,
)
from att.backup.ports import Appliance
from att.backup.reading import Contents, Tell
from att.backup.recovery_key import RecoveryKey
from att.backup.switching import NEW, OLD, Move
from att.backup.tree import Placer
from att.effects.filesystem import sync_directory, write_atomically
from att.kernel.errors import Failed
from att.release.tree import disk_errors, require_space
from att.upgrade.decision import Schema

LIVE = "db-1"
"""The directory of the restored database."""
DATABASES = "databases"
_LINE_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Staging:
    """Where the parts of a backup wait on one machine. `chown=False` keeps this process's user (tests)."""

    facts: Facts
    appliance: Appliance
    chown: bool = True

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folder beside the state, and the one beside the settings."""
        return restore_folders(self.facts)

    def demand_space(self, contents: Contents) -> None:
        """Refuse with disk_full or disk_inodes what does not fit beside what is live; a migration writes all twice."""
        paths, parts = self.facts.paths, contents.parts
        settings = parts.get(CONFIG, reading.Size())
        state = [size for name, size in parts.items() if name != CONFIG]
        needed = sum(size.disk_bytes for size in state) + parts.get(DATABASE, reading.Size()).disk_bytes
        require_space(paths.state, size_bytes=needed, files=sum(size.entries for size in state))
        require_space(paths.config.parent, size_bytes=settings.disk_bytes, files=settings.entries)

    def fill(self, fd: int, key: RecoveryKey, tell: Tell) -> None:
        """Unpack it, bring the database to this release's schema, and join what the upgrade engine knows here."""
        state, settings = self.folders
        with disk_errors(state):
            for folder in self.folders:
                (folder / NEW).mkdir(mode=0o711, parents=True)
                folder.chmod(0o711)
            into = Placer(state / NEW, chown=self.chown)
            beside = Placer(settings / NEW, chown=self.chown)
            into.make(SERVICES)

            def take(entry: Entry, content: Iterator[bytes]) -> None:
                part, _, rest = entry.name.partition("/")
                if part == CONFIG:
                    if rest:
                        beside.place(entry, content, rest)
                else:
                    into.place(entry, content, _place_of(part, rest))

            reading.read(fd, key, take, lambda _step, percent: tell("unpacking", percent))
            into.finish()
            beside.finish()
        tell("migrating the database", None)
        schema = self.appliance.migrate(state / NEW / API / LIVE)
        with disk_errors(state):
            self._link(state / NEW / API)
            self._join(state / NEW / ENGINE, schema)

    def _link(self, api: Path) -> None:
        (api / self.facts.paths.api_database.name).symlink_to(LIVE)
        sync_directory(api)

    def _join(self, engine: Path, schema: Schema) -> None:
        """Nothing that this machine learnt of its releases is forgotten, and no floor sinks."""
        here = self.facts.paths.upgrade_state
        if not engine.is_dir():
            raise age.damaged("it has nothing of the upgrade engine")
        past = _joined((engine / HISTORY).read_bytes(), self.appliance.history())
        write_atomically(engine / HISTORY, past, mode=0o600)
        bad = _lists(engine / BAD_VERSIONS, here / BAD_VERSIONS)
        if bad:
            write_atomically(engine / BAD_VERSIONS, json.dumps(bad).encode() + b"\n")
        floor = decision.higher(_floor(engine / FLOOR), _floor(here / FLOOR))
        if floor:
            write_atomically(engine / FLOOR, json.dumps({"version": floor}).encode() + b"\n")
        (engine / DATABASES).mkdir(mode=0o755)
        told = {
            "version": schema.version,
            "min_reader": schema.min_reader,
            "origin": "",
            "release": self.appliance.release,
        }
        write_atomically(engine / DATABASES / f"{LIVE}.json", json.dumps(told).encode() + b"\n")

    def moves(self) -> list[Move]:
        """Return what is exchanged for what, of the machine as it is now; all by renames, or Failed(restore_failed)."""
        paths = self.facts.paths
        state, settings = self.folders
        found = [
            _move(paths.api_state, state, API),
            _move(paths.projects, state, PROJECTS),
        ]
        services = {path.name for path in services_of(self.facts)} | _names(state / NEW / SERVICES)
        found += [_move(paths.state / name, state, f"{SERVICES}/{name}") for name in sorted(services)]
        engine = (_names(paths.upgrade_state) | _names(state / NEW / ENGINE)) - ENGINE_STAYS
        found += [_move(paths.upgrade_state / name, state, f"{ENGINE}/{name}") for name in sorted(engine)]
        config = _names(paths.config.parent) | _names(settings / NEW)
        found += [_move(paths.config.parent / name, settings, name) for name in sorted(config)]
        for move in found:
            _demand_one_file_system(move)
        return [move for move in found if move.had or move.has]


def _place_of(part: str, rest: str) -> str:
    folder = {DATABASE: f"{API}/{LIVE}", FORGE: f"{API}/{FORGE}"}.get(part, part)
    return f"{folder}/{rest}" if rest else folder


def _move(live: Path, folder: Path, name: str) -> Move:
    new, old = folder / NEW / name, folder / OLD / name
    return Move(live=live, new=new, old=old, had=live.exists() or live.is_symlink(), has=new.exists())


def _demand_one_file_system(move: Move) -> None:
    if move.had and (move.live.is_mount() or move.live.lstat().st_dev != move.new.parent.stat().st_dev):
        raise Failed("restore_failed", f"cannot restore: {move.live} is a file system of its own")


def _names(folder: Path) -> set[str]:
    """The names in a folder, but hidden ones: those are temporary everywhere here."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()


def _joined(*files: bytes) -> bytes:
    """Return the transactions of several histories, each once, in the order they began."""
    found: dict[str, tuple[str, bytes]] = {}
    for line in (line for file in files for line in file.splitlines() if len(line) <= _LINE_BYTES_MAX):
        told = _object(line)
        if isinstance(told.get("id"), str):
            found[told["id"]] = (str(told.get("started", "")), line)
    return b"".join(line + b"\n" for _, line in sorted(found.values()))


def _lists(*paths: Path) -> list[Any]:
    found: list[Any] = []
    for path in paths:
        told = _json(path)
        found += [one for one in (told if isinstance(told, list) else []) if one not in found]
    return found


def _floor(path: Path) -> str:
    told = _json(path)
    version = told.get("version") if isinstance(told, dict) else None
    return version if isinstance(version, str) else ""


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
