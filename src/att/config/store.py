"""The file /etc/att/att.yaml: read whole, replaced whole, the former kept beside it."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from att.appliance import Facts
from att.config.changes import Change, changes, units_to_restart
from att.config.check import check, layers_of, read_text
from att.config.layers import Layers
from att.config.migration.text import rewritten
from att.config.turns import folder_turn
from att.kernel.errors import Conflict, Failed, Forbidden

_MODE = 0o644
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Applied:
    """What `apply` did: the settings that changed, those that hold at once, the units that need a restart."""

    changed: bool
    changes: tuple[Change, ...]
    restart: tuple[str, ...]
    previous: Path | None
    notes: tuple[str, ...] = ()

    @property
    def live(self) -> tuple[str, ...]:
        """Settings that the running services take up by themselves within a second."""
        return tuple(one.path for one in self.changes if one.reload == "live")

    def as_json(self) -> dict[str, Any]:
        """Return the result as the operation and the engine's wire carry it."""
        return {
            "changed": self.changed,
            "changes": [vars(one) for one in self.changes],
            "live": list(self.live),
            "restart": list(self.restart),
            "previous": str(self.previous) if self.previous else None,
            "notes": list(self.notes),
        }


def previous_of(path: Path) -> Path:
    """Return where the former file is kept."""
    return path.with_name(path.name + ".previous")


def current_text(path: Path) -> str:
    """Return the file's text, empty when there is none yet."""
    return read_text(path) if path.exists() else ""


def holding(path: Path) -> Layers:
    """Return what the file says now, without environment; a file that does not validate counts as empty."""
    layers = layers_of(current_text(path), {})
    return layers_of("", {}) if layers.problems else layers


def apply(text: str, facts: Facts, door: str, *, instead_of: str | None = None) -> Applied:
    """Make `text` the settings file, atomically and durably, or raise and leave everything as it was.

    A text that was written for an earlier version of the settings is kept in today's form, and `notes` say so.
    `door` is the caller's: settings marked `door: ssh` may change only through `ssh` (or `dev`). `instead_of` is the
    text that the caller has read and changed. Raises InvalidInput("config_invalid"), Forbidden("config_door"),
    Conflict("file_changed") when the file is not `instead_of` any more, Failed("disk_full" or "internal").
    """
    after = check(text, {}, "the proposed file")
    new = rewritten(text)
    path = facts.paths.config
    with _locked(path.parent):
        if instead_of is not None and current_text(path) != instead_of:
            raise Conflict("file_changed", f"cannot write {path}: somebody else has just changed it", hint="try again")
        found = changes(holding(path).values, after.values)
        _demand_door(found, door)
        if new.text == current_text(path):
            return Applied(False, (), (), None, new.notes)
        kept = _replace(path, new.text)
    return Applied(True, tuple(found), tuple(units_to_restart(found)), kept, new.notes)


def _demand_door(found: list[Change], door: str) -> None:
    barred = [one.path for one in found if one.door == "ssh" and door not in ("ssh", "dev")]
    if barred:
        raise Forbidden(
            "config_door",
            f"cannot change {', '.join(barred)}: only an operator at the SSH door may",
            field=barred[0],
            data={"settings": barred},
        )


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, so that two writers cannot both keep the same former file."""
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)
    with folder_turn(directory, "write the settings"):
        yield


def _replace(path: Path, text: str) -> Path | None:
    """Write `text` beside `path`, keep the former, then rename over it; a crash leaves the old or the new file."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    old = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    kept = None
    with _told(path):
        try:
            _write(new, text, path)
            if path.exists():
                os.link(path, old)
                kept = previous_of(path)
                old.replace(kept)
            new.replace(path)
            _sync_directory(path.parent)
        finally:
            new.unlink(missing_ok=True)
            old.unlink(missing_ok=True)
    return kept


def _write(new: Path, text: str, like: Path) -> None:
    """Write a new file, durable, with the mode and owner of the one it shall replace."""
    status: Mapping[str, int] = {"mode": _MODE}
    if like.exists():
        found = like.stat()
        status = {"mode": found.st_mode & 0o777, "uid": found.st_uid, "gid": found.st_gid}
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        if "uid" in status and os.geteuid() == 0:
            os.fchown(file.fileno(), status["uid"], status["gid"])
        os.fchmod(file.fileno(), status["mode"])
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the system's refusals into ATT's errors."""
    try:
        yield
    except OSError as error:
        code = "disk_full" if error.errno in _FULL else "internal"
        raise Failed(code, f"cannot write {path}: {error.strerror}") from error
