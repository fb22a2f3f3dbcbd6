"""Counts what takes the disk, and grows it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from att.appliance import Facts
from att.config.check import layers_of
from att.config.settings import BACKUP_FILES
from att.config.store import holding
from att.effects.room import MEGABYTE, Room, is_held, room_of
from att.kernel.errors import Failed, InvalidInput
from att.machine.disk.decision import Limits, Thing, level, obstacle, ways
from att.machine.disk.ports import Disks
from att.machine.disk.schema import DiskGrown, DiskGrowth, DiskShown, FileSystem, Freeable, Taken
from att.machine.disk.walk import Measured, Walk


class DiskService:
    """The disk of one appliance."""

    def __init__(self, facts: Facts, disks: Disks) -> None:
        self._facts = facts
        self._disks = disks

    def show(self) -> DiskShown:
        """Return the file systems, what takes them, largest first, and what can be freed."""
        walk = Walk()
        found = sorted(self._things(walk), key=lambda pair: -pair[1].bytes)
        return DiskShown(
            file_systems=[self._file_system(path) for path in self._mounts()],
            taken=[
                Taken(
                    what=thing.what,
                    name=thing.name,
                    mb=_mb(one.bytes),
                    own_mb=thing.own_mb,
                    files=one.files,
                )
                for thing, one in found
                if one.files
            ],
            freeable=[Freeable(**vars(one)) for one in ways([thing for thing, _ in found])],
            complete=walk.complete,
        )

    def grow(self) -> DiskGrowth:
        """Give each file system of ATT what its disk has become; done again it changes nothing.

        Raises InvalidInput("disk_not_growable"), Failed("disk_failed") with what the program said.
        """
        return DiskGrowth(items=[self._grow(path) for path in self._mounts()])

    def _grow(self, path: Path) -> DiskGrown:
        before = self._disks.partition(path)
        why = obstacle(before)
        if why:
            raise InvalidInput("disk_not_growable", f"cannot grow the disk: {why}")
        size = _size(path)
        self._disks.look_again(before)
        for act in (self._disks.grow_partition, self._disks.grow_file_system):
            failure = act(self._disks.partition(path))
            if failure:
                raise Failed("disk_failed", f"cannot grow {before.device}: {failure}", hint="see `journalctl -k`")
        after = _size(path)
        return DiskGrown(
            device=before.device, before_mb=size // MEGABYTE, after_mb=after // MEGABYTE, changed=after > size
        )

    def _mounts(self) -> list[Path]:
        """Return one path on each file system that holds something of ATT."""
        paths = self._facts.paths
        found: dict[int, Path] = {}
        for path in (self._facts.root, paths.opt, paths.state, paths.logs):
            if path.exists():
                found.setdefault(path.stat().st_dev, path)
        return list(found.values())

    def _file_system(self, path: Path) -> FileSystem:
        where = self._disks.partition(path)
        room = room_of(path) or Room(used_percent=100.0, free_bytes=0)
        return FileSystem(
            path=str(path),
            device=where.device,
            kind=where.file_system,
            size_mb=_size(path) // MEGABYTE,
            used_percent=room.used_percent,
            free_mb=room.free_mb,
            inodes_percent=room.inodes_percent,
            free_inodes=room.free_inodes,
            read_only=room.read_only,
            level=level(room, self._limits(), "full" if is_held(self._facts.paths.run, path) else "ok"),
        )

    def _limits(self) -> Limits:
        return Limits(**self._settings()["disk"])

    def _settings(self) -> Mapping[str, Any]:
        layers = holding(self._facts.paths.config)
        return layers_of("", {}).values if layers.problems else layers.values

    def _backups(self) -> Iterator[Path]:
        """Yield what is in the appliance's own folder, and backups in that of the settings where it takes this disk."""
        own = self._facts.paths.backups
        yield from sorted(own.glob("*"))
        folder = self._facts.root / str(self._settings()["backup"]["folder"]).lstrip("/")
        if (
            folder != own
            and folder.is_dir()
            and folder.stat().st_dev in {path.stat().st_dev for path in self._mounts()}
        ):
            yield from sorted(folder.glob(BACKUP_FILES))

    def _things(self, walk: Walk) -> Iterator[tuple[Thing, Measured]]:
        paths, root = self._facts.paths, self._facts.root
        current, previous = (_target(link) for link in (paths.current, paths.previous))
        for release in _folders(paths.releases):
            role = " (current)" if release.name == current else " (previous)" if release.name == previous else ""
            yield _thing("release", release.name + role, walk.measure(release), live=True)
        names = self._disks.project_names()
        for place in _folders(paths.projects):
            one = walk.measure(place)
            slot = place.name.removeprefix("p")
            name = names.get(int(slot)) if slot.isdecimal() else None
            if name or one.files > _EMPTY_PROJECT_FILES:
                yield _thing("project", name or place.name, one, live=name is None)
        database = _target(paths.api_database)
        for folder in _folders(paths.api_state):
            if folder.name.startswith("db-"):
                name = f"{folder.name} (live)" if folder.name == database else f"{folder.name} (kept)"
                yield _thing("database", name, walk.measure(folder), live=True)
        for path in self._backups():
            name = path.name if path.parent == paths.backups else str(path)
            yield _thing("backup", name, walk.measure(path), path=str(path))
        for what, name, path in (
            ("forge", "repositories", paths.forge),
            ("uploads", "gone after a day", paths.uploads),
            ("upgrade", "journal and staging", paths.journal),
            ("upgrade", "history and builds", paths.upgrade_state),
            ("logs", str(paths.logs), paths.logs),
            ("journal", "of all services", root / "var/log/journal"),
            ("packages", "fetched by apt", root / "var/cache/apt/archives"),
        ):
            yield _thing(what, name, walk.measure(path), live=what not in ("journal", "packages"))


_EMPTY_PROJECT_FILES = 4


def _thing(what: str, name: str, one: Measured, *, live: bool = False, path: str = "") -> tuple[Thing, Measured]:
    return Thing(what, name, _mb(one.own_bytes), live=live, path=path), one


def _folders(path: Path) -> Iterable[Path]:
    return sorted(one for one in path.glob("*") if one.is_dir() and not one.is_symlink()) if path.is_dir() else []


def _target(link: Path) -> str:
    return link.readlink().name if link.is_symlink() else ""


def _size(path: Path) -> int:
    use = os.statvfs(path)
    return use.f_blocks * use.f_frsize


def _mb(count: int) -> float:
    return round(count / MEGABYTE, 1)
