"""Reads one source, bounded; what belongs to a project is opened level by level, so that no link of it is followed."""

import fnmatch
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from att.diagnostics.sources import Asked, Command, Files, Source
from att.effects.processes import run
from att.kernel.errors import AttError

ENTRIES_MAX = 1000
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Material:
    """The text of a source; `cut`: only its end; `problem`: why it is not all that was asked for, at any length."""

    text: str = ""
    cut: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Found:
    """The end of one file: where it lies below the folder that was asked for, and whether there was more."""

    name: str
    modified: float
    data: bytes
    cut: bool


def read(source: Source) -> Material:
    """Return what the source tells; never raises for what a sick machine does, and may hang where the machine does."""
    try:
        match source.how:
            case Command(arguments):
                return _command(arguments, source)
            case Files() as files:
                return _files(files, source.bytes_max)
            case Asked(ask):
                return _end(ask(), source.bytes_max)
    except AttError as error:
        return Material(problem=error.detail)
    except (OSError, ValueError) as error:
        return Material(problem=f"{type(error).__name__}: {error}")


def tails(files: Files, bytes_max: int) -> list[Found]:
    """Return the ends of the newest files of that pattern, newest first; those that cannot be read are left out."""
    found: list[Found] = []
    with _opened(os.fspath(files.folder), None, os.O_DIRECTORY) as folder:
        for name, fd in _beneath(folder, files.pattern.split("/"), ""):
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                found.append(_tail(name, fd, status, bytes_max))
                found = sorted(found, key=lambda one: -one.modified)[: files.most]
    return found


def _command(arguments: tuple[str, ...], source: Source) -> Material:
    ended = run(arguments, timeout_seconds=source.seconds_max, output_chars_max=source.bytes_max)
    text, problem = ended.output, ""
    if ended.timed_out:
        problem = f"{arguments[0]} did not end within {source.seconds_max:.0f} s"
    elif ended.code != 0:
        errors = _end_of(ended.errors, source.bytes_max).text
        problem = f"{arguments[0]} ended with {ended.code}: {errors.strip() or 'it said nothing'}"
    return replace(_end_of(text, source.bytes_max), problem=problem)


def _end_of(printed: str, chars_max: int) -> Material:
    """Return what a program printed of which `chars_max` characters were kept."""
    cut = len(printed) >= chars_max
    return Material(_whole_lines(printed) if cut else printed, cut)


def _files(files: Files, bytes_max: int) -> Material:
    alone = files.most == 1
    found = tails(files, bytes_max if alone else bytes_max // 4)
    if not found:
        return Material(problem="there is no such file")
    parts, left = [], bytes_max
    for one in found:
        text = one.data.decode("utf-8", "replace")
        text = _whole_lines(text) if one.cut else text
        part = text if alone else f"==> {one.name} <==\n{text}\n"
        if len(part) > left and not alone:
            break
        parts.append(part)
        left -= len(part)
    return Material("".join(parts), cut=len(parts) < len(found) or any(one.cut for one in found))


def _end(text: str, chars_max: int) -> Material:
    cut = len(text) > chars_max
    return Material(_whole_lines(text[-chars_max:]) if cut else text, cut)


def _whole_lines(text: str) -> str:
    """Return a text without the line that it begins in: half a secret is known no more."""
    return text.partition("\n")[2]


def _beneath(folder: int, parts: list[str], before: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry, _ in zip(entries, range(ENTRIES_MAX), strict=False))
    for name in fnmatch.filter(names, parts[0]):
        try:
            with _opened(name, folder, os.O_DIRECTORY if parts[1:] else 0) as fd:
                if parts[1:]:
                    yield from _beneath(fd, parts[1:], f"{before}{name}/")
                else:
                    yield f"{before}{name}", fd
        except OSError:
            continue


@contextmanager
def _opened(name: str, folder: int | None, flags: int) -> Iterator[int]:
    fd = os.open(name, _OPEN | flags, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)


def _tail(name: str, fd: int, status: os.stat_result, bytes_max: int) -> Found:
    data = os.pread(fd, bytes_max, max(0, status.st_size - bytes_max))
    return Found(name, status.st_mtime, data, status.st_size > bytes_max)
