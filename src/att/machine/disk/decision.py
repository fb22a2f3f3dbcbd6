"""Judges file systems, names what can be freed, and says whether a disk can grow. Pure."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from att.effects.room import Room, left_below

Level = Literal["ok", "warning", "full"]
GROWABLE = ("ext2", "ext3", "ext4")
JOURNAL_KEPT_MB = 64
WORTH_MB = 1.0
LARGE_PROJECT_MB = 100.0


@dataclass(frozen=True)
class Limits:
    """The settings of `disk`."""

    warn_percent: int
    limit_percent: int
    free_mb_min: int


@dataclass(frozen=True)
class Thing:
    """Something that takes room: a release, a project, the journal. `live` must not go. Megabytes."""

    what: str
    name: str
    own_mb: float
    live: bool = False
    path: str = ""


@dataclass(frozen=True)
class Way:
    """A command that frees about `mb` megabytes."""

    mb: float
    what: str
    command: str


def level(room: Room, limits: Limits, before: Level = "ok") -> Level:
    """Return how a file system is by the settings: by its blocks or its inodes, whichever are nearer their end.

    One that nothing can be written to is full. A level is left only as `left_below` says, so that a disk
    whose use goes up and down around one does not change its level each time.
    """
    used = max(room.used_percent, room.inodes_percent)
    if room.read_only or used >= _from(limits.limit_percent, held=before == "full"):
        return "full"
    if used >= _from(limits.warn_percent, held=before != "ok") or room.free_mb < limits.free_mb_min:
        return "warning"
    return "ok"


def _from(percent: int, *, held: bool) -> float:
    return left_below(percent) if held else percent


def lack(room: Room) -> str:
    """Return the code of what a file system that is full lacks."""
    if room.read_only:
        return "disk_read_only"
    return "disk_inodes" if room.inodes_percent > room.used_percent else "disk_full"


def why(path: str, room: Room, limits: Limits) -> str:
    """Return in words how full a file system is and what follows."""
    if room.read_only:
        return f"the file system of {path} is read-only"
    what, used = "blocks", room.used_percent
    if lack(room) == "disk_inodes":
        what, used = "inodes", room.inodes_percent
    until = left_below(limits.limit_percent)
    said = f"from {limits.limit_percent} % on ATT only reads, until it is less than {until:g} %"
    return f"{used:.0f} % of the {what} of {path} are used; {said}"


def ways(things: Sequence[Thing]) -> tuple[Way, ...]:
    """Return what can be freed, most first; each command stands as it is to be typed."""
    found = (way for thing in things if not thing.live for way in _ways(thing))
    return tuple(sorted((one for one in found if one.mb >= WORTH_MB), key=lambda one: -one.mb))


def _ways(thing: Thing) -> Iterator[Way]:
    match thing.what:
        case "journal":
            command = f"sudo journalctl --vacuum-size={JOURNAL_KEPT_MB}M"
            yield Way(thing.own_mb - JOURNAL_KEPT_MB, "older lines of the journal", command)
        case "project" if thing.own_mb >= LARGE_PROJECT_MB and thing.name != "att":
            what = f"project {thing.name}, with all that is in it"
            yield Way(thing.own_mb, what, f"attctl project delete {thing.name}")
        case "backup":
            yield Way(
                thing.own_mb, f"backup {thing.name}: copy it elsewhere first", f"sudo rm {shlex.quote(thing.path)}"
            )
        case "packages":
            yield Way(thing.own_mb, "packages that were fetched", "sudo apt-get clean")
        case _:
            return


@dataclass(frozen=True)
class Partition:
    """What holds a mounted file system: partition `number` of `disk`, None for a whole disk."""

    device: str
    file_system: str
    disk: str
    number: int | None


def obstacle(found: Partition) -> str:
    """Return why this cannot be grown, empty when it can."""
    if not found.device.startswith("/dev/"):
        return f"{found.device or 'it'} is no disk of this machine"
    if found.file_system not in GROWABLE:
        return f"{found.device} is a {found.file_system or 'strange'} file system, not one of {', '.join(GROWABLE)}"
    return ""
