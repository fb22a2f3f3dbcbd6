"""Opens files beneath one folder and never outside it, whatever links are there or are put there meanwhile.

A path is walked name by name, each opened relative to the descriptor of the folder before it and never through a link:
there is no moment between a check and a use. Links that stay inside are followed by hand, and `..` goes back to the
descriptor that was there before, never to where the folder lies by now. Go's os.Root works like this. (openat2 with
RESOLVE_BENEATH would do it in one call, and is not there in units with RestrictSUIDSGID=, which cannot look into it.)
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from att.kernel.errors import Forbidden, NotFound
from att.workspace.verbs.reasons import invalid, outside

PATH_BYTES_MAX = 4096
NAME_BYTES_MAX = 255
RESERVED = ".git"

_RENAME_NOREPLACE = 1
_LINKS_MAX = 40
_FOLDER = os.O_PATH | os.O_DIRECTORY
_libc = ctypes.CDLL(None, use_errno=True)


def parts_of(path: str) -> tuple[str, ...]:
    """Return the names of a path of the project; () is the worktree itself.

    Raises Forbidden(path_outside) for absolute paths and for `..`, InvalidInput(path_invalid) for what no file can be
    called.
    """
    if path.startswith("/"):
        raise outside(path, "it is absolute")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise outside(path, "it climbs with `..`")
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError as error:
        raise invalid(path, "it holds characters that are none") from error
    if "\0" in path:
        raise invalid(path, "it holds a zero byte")
    if any(size > NAME_BYTES_MAX for size in sizes) or sum(sizes) + len(sizes) > PATH_BYTES_MAX:
        raise invalid(path, "it is too long")
    return parts


def changeable(path: str) -> tuple[str, ...]:
    """Return the names of a path that may be changed: not the worktree itself, nothing of git's own folder."""
    parts = parts_of(path)
    if not parts:
        raise invalid(path, "it names the project itself")
    if parts[0].lower() == RESERVED:
        raise Forbidden("path_reserved", f"cannot change {path}: git's own files change through att.git", field="path")
    return parts


@contextmanager
def folder(root: Path) -> Iterator[int]:
    """Open the worktree; NotFound(worktree_missing) when it is not there."""
    try:
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound("worktree_missing", f"cannot open the project's files: {error.strerror}") from error
    try:
        yield fd
    finally:
        os.close(fd)


def open_beneath(fd: int, parts: tuple[str, ...], flags: int, *, follow: bool = True) -> int:
    """Return a descriptor of the file below the folder `fd`; raises OSError, EXDEV when the path leads out.

    With `follow=False` any link on the way is refused with ELOOP.
    """
    path = "/".join(parts)
    above = [os.dup(fd)]
    todo, links = list(reversed(parts)), 0
    try:
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(above) == 1:
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
                os.close(above.pop())
                continue
            target = _target(above[-1], name)
            if target is None:
                if not todo:
                    return _step(above[-1], name, flags)
                above.append(_step(above[-1], name, _FOLDER))
                continue
            links += 1
            if not follow or links > _LINKS_MAX:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
            todo.extend(reversed(target.split("/")))
        return os.open(".", flags | os.O_CLOEXEC, dir_fd=above[-1])
    finally:
        for one in above:
            os.close(one)


def _target(fd: int, name: str) -> str | None:
    """Where the link `name` in a folder leads, None when it is none."""
    try:
        return os.readlink(name, dir_fd=fd)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _step(fd: int, name: str, flags: int) -> int:
    """Open one name in a folder; ELOOP for a link that was put there in this moment."""
    found = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    if flags & os.O_PATH and stat.S_ISLNK(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    return found


@contextmanager
def opened(fd: int, parts: tuple[str, ...], flags: int, *, follow: bool = True) -> Iterator[int]:
    """Open as `open_beneath` does and close at the end."""
    found = open_beneath(fd, parts, flags, follow=follow)
    try:
        yield found
    finally:
        os.close(found)


def settled(fd: int, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return where a path leads when its links are followed, for a write that goes through a link.

    A path that ends at nothing is returned with its folder settled, when the folder exists. The answer is a wish, not
    a proof: whoever uses it opens it with `follow=False`.
    """
    try:
        return _real(fd, parts)
    except FileNotFoundError:
        if len(parts) == 1:
            return parts
        return (*settled(fd, parts[:-1]), parts[-1])


def _real(fd: int, parts: tuple[str, ...]) -> tuple[str, ...]:
    root = Path(f"/proc/self/fd/{fd}").readlink()
    with opened(fd, parts, os.O_PATH) as found:
        return Path(f"/proc/self/fd/{found}").readlink().relative_to(root).parts


@contextmanager
def parent(fd: int, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """Open the folder that holds `parts[-1]`, following no link; with `make` it and those above it are made."""
    above = parts[:-1]
    try:
        found = open_beneath(fd, above, os.O_PATH | os.O_DIRECTORY, follow=False)
    except FileNotFoundError:
        if not make:
            raise
        with parent(fd, above, make=True) as higher:
            found = _made(higher, above[-1])
    try:
        yield found
    finally:
        os.close(found)


def _made(fd: int, name: str) -> int:
    with suppress(FileExistsError):  # somebody else made it in this moment: opening it shows what it is
        os.mkdir(name, dir_fd=fd)
    return open_beneath(fd, (name,), os.O_PATH | os.O_DIRECTORY, follow=False)


def rename_to_new(source_fd: int, source: str, target_fd: int, target: str) -> None:
    """Rename without replacing anything; raises FileExistsError and other OSErrors."""
    done = _libc.renameat2(source_fd, os.fsencode(source), target_fd, os.fsencode(target), _RENAME_NOREPLACE)
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
