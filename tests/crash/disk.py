"""What of a folder a power cut leaves: files as they were when they were last synced, names as their folder was.

Stricter than any file system of Linux: nothing is durable that nobody asked for, and no order holds between the rest.
"""

import os
import random
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One name of a folder: the inode it stands for, its kind, and where it points when it is a link."""

    inode: int
    kind: int
    target: str = ""


@dataclass(frozen=True)
class Content:
    """Bytes and mode of a file."""

    data: bytes
    mode: int


Image = dict[str, Content | Entry | None]
"""By relative path: a file, a link (its entry), or None for a folder."""


@dataclass
class Disk:
    """The durable state of everything below `root`; `settle` takes all that is there as durable."""

    root: Path
    _folders: dict[int, dict[str, Entry]] = field(default_factory=dict)
    _files: dict[int, Content] = field(default_factory=dict)
    _held: dict[int, int] = field(default_factory=dict)
    """An open descriptor of each inode that is known, so that its number stands for nothing else."""

    def settle(self) -> None:
        """Take everything that is there now as durable."""
        self.close()
        self.sync_tree(self.root)

    def close(self) -> None:
        """Forget everything."""
        for fd in self._held.values():
            os.close(fd)
        for known in (self._folders, self._files, self._held):
            known.clear()

    def sync_tree(self, path: Path) -> None:
        """Make a folder durable with all below it, but not its own name."""
        for folder in _folders(path):
            for name, entry in self.sync(folder).items():
                if stat.S_ISREG(entry.kind):
                    self.sync(folder / name)

    def sync(self, path: Path) -> Mapping[str, Entry]:
        """Make the content of one file durable, or the names in one folder, which are returned."""
        status = path.stat()
        self._hold(status.st_ino, path)
        if not stat.S_ISDIR(status.st_mode):
            self._files[status.st_ino] = Content(path.read_bytes(), stat.S_IMODE(status.st_mode))
            return {}
        names = _names(path)
        for name, entry in names.items():
            self._hold(entry.inode, path / name)
        self._folders[status.st_ino] = names
        return names

    def durable(self, path: Path) -> bytes:
        """Return what of a file's content no power cut takes."""
        return self._files.get(path.stat().st_ino, Content(b"", 0)).data if path.exists() else b""

    def cut(self, chance: random.Random | None) -> None:
        """Leave what a power cut leaves: of what is not durable nothing, or by chance a part of it."""
        now = {folder.stat().st_ino: folder for folder in _folders(self.root)}
        image = dict(self._image(self.root.stat().st_ino, "", now, chance))
        _lay(self.root, image)
        self.settle()

    def _image(
        self, folder: int, path: str, now: Mapping[int, Path], chance: random.Random | None
    ) -> Iterator[tuple[str, Content | Entry | None]]:
        durable = self._folders.get(folder, {})
        present = _names(now[folder]) if folder in now else {}
        for name in sorted({*durable, *present}):
            entry = self._one_of(durable.get(name), present.get(name), chance)
            if entry is None:
                continue
            found = f"{path}/{name}".lstrip("/")
            if stat.S_ISDIR(entry.kind):
                yield found, None
                yield from self._image(entry.inode, found, now, chance)
            elif stat.S_ISLNK(entry.kind):
                yield found, entry
            elif stat.S_ISREG(entry.kind):
                here = now[folder] / name if present.get(name) == entry else None
                yield found, self._content(entry.inode, here, chance)

    def _one_of(self, durable: Entry | None, present: Entry | None, chance: random.Random | None) -> Entry | None:
        if durable == present or chance is None:
            return durable
        return chance.choice((durable, present))

    def _content(self, inode: int, path: Path | None, chance: random.Random | None) -> Content:
        durable = self._files.get(inode, Content(b"", 0o600))
        if chance is None or path is None:
            return durable
        told = Content(path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        if told == durable:
            return durable
        whole = len(durable.data) if told.data.startswith(durable.data) else 0  # nothing appended harms what was there
        torn = Content(told.data[: chance.randint(whole, len(told.data))], told.mode)
        return chance.choice((durable, told, torn))

    def _hold(self, inode: int, path: Path) -> None:
        if inode not in self._held:
            self._held[inode] = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)


def _names(folder: Path) -> dict[str, Entry]:
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            target = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
            found[entry.name] = Entry(status.st_ino, stat.S_IFMT(status.st_mode), target)
    return found


def _folders(root: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(root)]


def _lay(root: Path, image: Image) -> None:
    """Make a folder hold exactly this; what is right already stays."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in (*files, *folders):
            path = Path(folder, name)
            if not _is(path, image, str(path.relative_to(root))):
                _remove(path)
    for name, wanted in image.items():
        path = root / name
        if os.path.lexists(path):
            continue
        match wanted:
            case None:
                path.mkdir()
            case Entry():
                path.symlink_to(wanted.target)
            case Content():
                path.write_bytes(wanted.data)
                path.chmod(wanted.mode)


def _is(path: Path, image: Image, name: str) -> bool:
    if name not in image:
        return False
    wanted = image[name]
    if path.is_symlink():
        return isinstance(wanted, Entry) and str(path.readlink()) == wanted.target
    if path.is_dir():
        return wanted is None
    return isinstance(wanted, Content) and path.read_bytes() == wanted.data


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
