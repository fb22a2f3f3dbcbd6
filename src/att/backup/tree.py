"""Reads folders that others write to meanwhile, and writes new ones; follows no link, ever.

What lies in a project's folder is its user's: a folder there may become a link to anywhere between two looks. So every
step is taken from an open folder.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from att.backup.archive import PIECE_BYTES
from att.backup.entry import Entry, Kind
from att.effects.filesystem import sync_directory
from att.kernel.errors import Failed, Refused

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A fifo that nobody writes to would else be waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# In a git repository loose refs go before packed ones, where they may move; refs before the objects they name; loose
# objects before packs.
_LATE = {"packed-refs": 1, "objects": 2, "pack": 3}
_LOOKS_MAX = 5
_DEPTH_MAX = 200
# The last where a link that was looked at is none any more.
_GONE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EINVAL)

Piece = tuple[Entry, Iterator[bytes]]


def _nothing(_path: str) -> bool:
    return False


@dataclass
class Walk:
    """The files, folders and links below `root`, each under `name` in the backup.

    `skip` says which paths are left out, `rebuilt` by the names in a folder that it is made anew when it is needed;
    `missed` counts what went away or changed its kind while it was read.
    """

    root: Path
    name: str
    skip: Callable[[str], bool] = _nothing
    rebuilt: Callable[[Collection[str]], bool] = lambda _names: False
    missed: int = field(default=0, init=False)

    def entries(self) -> Iterator[Piece]:
        """Yield what is there, folders before what is in them; nothing where there is no such folder."""
        try:
            folder = os.open(self.root, _FOLDER)
        except FileNotFoundError:
            return
        yield from self._folder(folder, "")

    def _folder(self, fd: int, path: str) -> Iterator[Piece]:
        try:
            names = set(os.listdir(fd))
            if path and self.rebuilt(names):
                return
            yield _entry(self._named(path), os.fstat(fd)), iter(())
            if path.count("/") >= _DEPTH_MAX:
                self.missed += 1
                return
            yield from self._content(fd, path, names)
        finally:
            os.close(fd)

    def _content(self, fd: int, path: str, names: set[str]) -> Iterator[Piece]:
        """Yield what is in a folder, and what came while something else went: git moves objects into packs."""
        seen: set[str] = set()
        for _ in range(_LOOKS_MAX):
            missed = self.missed
            for name in sorted(names - seen, key=lambda name: (_LATE.get(name, 0), name)):
                below = f"{path}/{name}" if path else name
                if not self.skip(below):
                    yield from self._one(fd, name, below)
            seen |= names
            if self.missed == missed:
                return
            names = set(os.listdir(fd))

    def _one(self, folder: int, name: str, path: str) -> Iterator[Piece]:
        try:
            found = os.lstat(name, dir_fd=folder)
            if stat.S_ISLNK(found.st_mode):
                yield _entry(self._named(path), found, os.readlink(name, dir_fd=folder)), iter(())
                return
            if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
                return
            fd = os.open(name, _FOLDER if stat.S_ISDIR(found.st_mode) else _FILE, dir_fd=folder)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.missed += 1
            return
        if stat.S_ISDIR(found.st_mode):
            yield from self._folder(fd, path)
            return
        try:
            found = os.fstat(fd)
            if stat.S_ISREG(found.st_mode):
                yield _entry(self._named(path), found), _bytes_of(fd, found.st_size)
        finally:
            os.close(fd)

    def _named(self, path: str) -> str:
        return f"{self.name}/{path}" if path else self.name


def _bytes_of(fd: int, size: int) -> Iterator[bytes]:
    """Yield exactly `size` bytes: of a file that shrinks meanwhile zeros, as tar does; what it grows by is left."""
    while size:
        piece = os.read(fd, min(size, PIECE_BYTES)) or bytes(min(size, PIECE_BYTES))
        size -= len(piece)
        yield piece


def _entry(name: str, found: os.stat_result, target: str = "") -> Entry:
    kind: Kind = "link" if target else "folder" if stat.S_ISDIR(found.st_mode) else "file"
    size = found.st_size if kind == "file" else 0
    owner, group = _user_name(found.st_uid), _group_name(found.st_gid)
    return Entry(name, kind, stat.S_IMODE(found.st_mode), owner, group, size, int(found.st_mtime), target)


class Placer:
    """Writes entries below `root`, a folder that nobody else reaches, with their owners and modes; syncs at the end."""

    def __init__(self, root: Path, *, chown: bool = True) -> None:
        self._root = root
        self._chown = chown
        self._folders: dict[str, Entry | None] = {"": None}

    def make(self, name: str) -> None:
        """Make a folder of root's, for others to come into it."""
        (self._root / name).mkdir(mode=0o711)
        self._folders[name] = None

    def place(self, entry: Entry, content: Iterator[bytes], name: str) -> None:
        """Write `entry` as `name`; Refused(backup_damaged) for a name that is no plain path below a folder it made."""
        self._demand_place(name)
        path = self._root / name
        match entry.kind:
            case "folder":
                path.mkdir(mode=0o700)
                self._folders[name] = entry
            case "link":
                path.symlink_to(entry.target)
                self._own(path, entry)
            case "file":
                self._file(path, entry, content)

    def finish(self) -> None:
        """Give the folders their owners, modes and times, deepest first, and make everything durable."""
        for name in sorted(self._folders, key=lambda one: one.count("/"), reverse=True):
            entry, path = self._folders[name], self._root / name
            if entry is not None:
                self._own(path, entry)
                path.chmod(entry.mode)
                os.utime(path, (entry.modified, entry.modified))
            sync_directory(path)

    def _file(self, path: Path, entry: Entry, content: Iterator[bytes]) -> None:
        fd = os.open(path, _NEW, 0o600)
        with os.fdopen(fd, "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            self._own(path, entry)
            os.fchmod(fd, entry.mode)
            os.utime(fd, (entry.modified, entry.modified))
            os.fsync(fd)

    def _demand_place(self, name: str) -> None:
        parts = PurePosixPath(name).parts
        plain = bool(parts) and name == "/".join(parts) and not {"..", ".", "/"} & set(parts) and "\0" not in name
        if not plain or name.rpartition("/")[0] not in self._folders or name in self._folders:
            raise Refused("backup_damaged", "cannot use the backup: a member has no place in it")

    def _own(self, path: Path, entry: Entry) -> None:
        if not self._chown:
            return
        try:
            os.chown(path, _uid(entry.user), _gid(entry.group), follow_symlinks=False)
        except (KeyError, ValueError) as error:
            raise Failed(
                "restore_failed", f"cannot restore {entry.name[:200]}: no user {entry.user} or group {entry.group} here"
            ) from error


@cache
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


@cache
def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"#{gid}"


@cache
def _uid(name: str) -> int:
    return int(name[1:]) if name.startswith("#") else pwd.getpwnam(name).pw_uid


@cache
def _gid(name: str) -> int:
    return int(name[1:]) if name.startswith("#") else grp.getgrnam(name).gr_gid
