"""Keeps what needs room from a disk that has none left, and tells when a disk gets full and when it no longer is."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
import structlog

from att.config.settings import Disk
from att.effects.room import Room, room_of, tell_held
from att.events.schema import EventType
from att.kernel.errors import Unavailable
from att.machine.disk.decision import Level, Limits, lack, level, why

LOOK_SECONDS = 10.0
FRESH_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """Where it tells what happened."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...


class DiskGuard:
    """Watches the file systems of `folders`. What it knows is lost with the process, and found again at once.

    Which of them are full it tells in the folder `run`, for those who look at the disk without the API.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        settings: Callable[[], Disk],
        events: Bus,
        run: Path,
        *,
        room: Callable[[Path], Room | None] = room_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._events = events
        self._run = run
        self._room = room
        self._clock = clock
        self._levels: dict[Path, Level] = {}
        self._full: dict[Path, Room] = {}
        self._looked: float | None = None
        self._told: list[Path] | None = None

    async def admit(self) -> None:
        """Return when there is room to write; Unavailable(disk_full, disk_inodes or disk_read_only) while not."""
        if self._looked is None or self._clock() - self._looked >= FRESH_SECONDS:
            await self.look()
        for path, room in self._full.items():
            raise Unavailable(lack(room), f"cannot write now: {why(str(path), room, self._limits())}")

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.look()
            await anyio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at every file system, and tell of those whose level has changed."""
        rooms = await anyio.to_thread.run_sync(self._rooms)
        self._looked = self._clock()
        limits, levels = self._limits(), dict[Path, Level]()
        for path, room in rooms.items():
            levels[path] = level(room, limits, self._levels.get(path, "ok"))
        before, self._levels = self._levels, levels
        self._full = {path: rooms[path] for path, found in levels.items() if found == "full"}
        if list(self._full) != self._told:
            self._told = list(self._full)
            # Without it others say what they see themselves.
            with suppress(OSError):
                await anyio.to_thread.run_sync(tell_held, self._run, self._told)
        for path, found in levels.items():
            if found != before.get(path, "ok"):
                self._tell(path, found, rooms[path], limits)

    def _rooms(self) -> dict[Path, Room]:
        """Return the room of each file system, by the first of the folders that lie on it."""
        found: dict[int, tuple[Path, Room]] = {}
        for path in self._folders:
            with suppress(OSError):
                device = path.stat().st_dev
                room = None if device in found else self._room(path)
                if room is not None:
                    found[device] = path, room
        return dict(found.values())

    def _limits(self) -> Limits:
        return Limits(**self._settings().model_dump())

    def _tell(self, path: Path, found: Level, room: Room, limits: Limits) -> None:
        told = {
            "path": str(path),
            "used_percent": room.used_percent,
            "inodes_percent": room.inodes_percent,
            "free_mb": room.free_mb,
        }
        if found == "full":
            _log.error("disk.full", **told, code=lack(room), why=why(str(path), room, limits))
        elif found == "warning":
            _log.warning("disk.gets_full", **told)
        else:
            _log.info("disk.well", **told)
        self._events.publish(EventType.DISK_LEVEL, {"level": found, **told})
