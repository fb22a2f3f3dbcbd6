"""Unpacks archives that may be hostile: nothing outside the folder, no device, no more than was agreed.

Files are made first, each as a new one and through no link; links come last, when nothing is written through them any
more. Where they point is up to whoever reads them: the worktree is read beneath itself alone.
"""

import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from att.kernel.errors import AttError, InvalidInput, TooLarge
from att.workspace.verbs.beneath import RESERVED, parent, parts_of

LINK_CHARS_MAX = 4096
_BLOCK = 256 * 1024
_ZIP_MAGIC = b"PK\x03\x04"
_GIT_LEFT_OUT = frozenset({"config", "config.worktree", "hooks", "modules", "worktrees", "commondir", "gitdir"})
_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Member:
    """One entry to make: a folder, a link (`target`), or a file whose content comes from `source`."""

    parts: tuple[str, ...]
    folder: bool = False
    target: str | None = None
    executable: bool = False
    source: tarfile.TarInfo | zipfile.ZipInfo | None = None


@dataclass(frozen=True)
class Opened:
    """An archive with what it declares."""

    archive: tarfile.TarFile | zipfile.ZipFile
    members: tuple[Member, ...]


def members(spool: IO[bytes], bytes_max: int, files_max: int) -> Opened:
    """Return what an archive holds. Raises InvalidInput(archive_unreadable|archive_hostile|archive_too_large)."""
    spool.seek(0)
    zipped = spool.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    spool.seek(0)
    with _readable():
        archive = zipfile.ZipFile(spool) if zipped else tarfile.open(fileobj=spool, mode="r:*")  # noqa: SIM115 - lives as long as the spool
        found: list[Member] = []
        size = 0
        for member, bytes_declared in _zip_members(archive) if zipped else _tar_members(archive):  # type: ignore[arg-type]  # decided by the magic
            size += bytes_declared
            if size > bytes_max or len(found) >= files_max:
                raise _too_large(bytes_max, files_max)
            found.append(member)
    return Opened(archive, _wanted(found))


def unpack(top: int, opened: Opened, bytes_max: int) -> tuple[int, int]:
    """Make the members below the folder `top`; return how many files and bytes there are."""
    files, left = 0, bytes_max
    links = [member for member in opened.members if member.target is not None]
    with _readable():
        for member in opened.members:
            if member.folder:
                with parent(top, (*member.parts, "."), make=True):
                    pass
            elif member.target is None:
                left -= _make(top, member, opened.archive, left, bytes_max)
                files += 1
        for link in links:
            with _named(link), parent(top, link.parts, make=True) as above:
                os.symlink(link.target or "", link.parts[-1], dir_fd=above)
    return files + len(links), bytes_max - left


def _tar_members(archive: tarfile.TarFile) -> Iterator[tuple[Member, int]]:
    for entry in archive:
        parts = _parts(entry.name)
        if entry.isdir():
            yield Member(parts, folder=True), 0
        elif entry.issym():
            yield Member(parts, target=_target(entry.name, entry.linkname)), 0
        elif entry.isreg():
            yield Member(parts, executable=bool(entry.mode & stat.S_IXUSR), source=entry), max(entry.size, 0)
        else:
            kind = "a hard link" if entry.islnk() else "neither file, folder nor link"
            raise _hostile(entry.name, f"it is {kind}")


def _zip_members(archive: zipfile.ZipFile) -> Iterator[tuple[Member, int]]:
    for entry in archive.infolist():
        parts, mode = _parts(entry.filename), entry.external_attr >> 16
        if entry.is_dir():
            yield Member(parts, folder=True), 0
        elif stat.S_ISLNK(mode):
            if entry.file_size > LINK_CHARS_MAX:
                raise _hostile(entry.filename, "the link is too long")
            with archive.open(entry) as file:
                target = os.fsdecode(file.read(LINK_CHARS_MAX + 1))
            yield Member(parts, target=_target(entry.filename, target)), 0
        elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
            yield Member(parts, executable=bool(mode & stat.S_IXUSR), source=entry), entry.file_size
        else:
            raise _hostile(entry.filename, "it is neither file, folder nor link")


def _parts(name: str) -> tuple[str, ...]:
    try:
        return parts_of(name)
    except AttError as error:
        raise InvalidInput("archive_hostile", f"cannot take in the archive: {error.detail}") from error


def _target(name: str, target: str) -> str:
    if not target or "\0" in target or len(target) > LINK_CHARS_MAX:
        raise _hostile(name, "its link leads nowhere")
    return target


def _wanted(found: list[Member]) -> tuple[Member, ...]:
    """Leave out a single folder around everything, the archive's own root, and what of git could run or mislead."""
    inside = [member for member in found if member.parts]
    tops = {member.parts[0] for member in inside}
    if len(tops) == 1 and all(member.folder or len(member.parts) > 1 for member in inside) and tops != {RESERVED}:
        inside = [_below(member) for member in inside if len(member.parts) > 1]
    return tuple(member for member in inside if not _is_gits(member.parts))


def _below(member: Member) -> Member:
    return Member(member.parts[1:], member.folder, member.target, member.executable, member.source)


def _is_gits(parts: tuple[str, ...]) -> bool:
    names = [part.lower() for part in parts]
    if RESERVED in names[1:]:
        return True
    return names[0] == RESERVED and len(names) > 1 and names[1] in _GIT_LEFT_OUT


def _make(top: int, member: Member, archive: tarfile.TarFile | zipfile.ZipFile, left: int, bytes_max: int) -> int:
    """Write one file and return its size; what an archive declares is not believed."""
    size, mode = 0, 0o755 if member.executable else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _named(member), parent(top, member.parts, make=True) as above:
        fd = os.open(member.parts[-1], flags, mode, dir_fd=above)
    with os.fdopen(fd, "wb") as file, _content(archive, member) as source:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > left:
                raise _too_large(bytes_max, None)
            file.write(block)
    return size


def _content(archive: tarfile.TarFile | zipfile.ZipFile, member: Member) -> IO[bytes]:
    if isinstance(archive, zipfile.ZipFile):
        return archive.open(member.source)  # type: ignore[arg-type]  # made by this archive
    source = archive.extractfile(member.source)  # type: ignore[arg-type]  # made by this archive
    if source is None:
        raise _hostile("/".join(member.parts), "it has no content")
    return source


@contextmanager
def _named(member: Member) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _hostile("/".join(member.parts), "it holds the path twice") from error


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        why = str(error) or type(error).__name__
        raise InvalidInput(
            "archive_unreadable", f"cannot take in the archive: {why[:200]}; it must be a tar or zip"
        ) from error


def _hostile(name: str, why: str) -> InvalidInput:
    return InvalidInput("archive_hostile", f"cannot take in the archive: {name[:200]!r}: {why}")


def _too_large(bytes_max: int, files_max: int | None) -> TooLarge:
    files = f" or {files_max} files" if files_max is not None else ""
    return TooLarge("archive_too_large", f"cannot take in the archive: it holds more than {bytes_max} bytes{files}")
