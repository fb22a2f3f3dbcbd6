"""Every call by which this process changes a disk, told to a machine before it is made; what is synced is its word."""

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.crash.faults import Faulty
from tests.crash.machine import Crash

from att.release import tree

_BY_PATH = ("mkdir", "rmdir", "unlink", "remove", "chmod", "truncate", "utime")
_BY_TWO = ("rename", "replace", "link", "symlink")
_BY_FD = ("ftruncate", "posix_fallocate", "fchmod")
_CHANGING = os.O_CREAT | os.O_TRUNC
_Call = Callable[..., Any]


class Calls:
    """Stands before the calls; those below the root of `machine` are told to it, while it is not quiet."""

    def __init__(self) -> None:
        self.machine: Faulty | None = None

    def watch(self, machine: Faulty) -> None:
        """Tell this machine from now on."""
        self.machine = machine

    def tell(self, name: str, path: Any, folder: int | None = None) -> Path | None:
        """Tell a call for `path`, below the open `folder` where one is given; returns the path where it was told."""
        machine = self.machine
        if machine is None or machine.quiet:
            return None
        base = Path(f"/proc/self/fd/{folder}").readlink() if folder is not None else Path()
        found = base / os.fsdecode(path)
        if not found.is_relative_to(machine.root):
            return None
        machine.call(name, found)
        return found

    def tell_open(self, name: str, fd: int) -> Path | None:
        """Tell a call for an open file."""
        return self.tell(name, Path(f"/proc/self/fd/{fd}").readlink())

    def by_path(self, name: str, real: _Call) -> _Call:
        def called(path: Any, *rest: Any, **more: Any) -> Any:
            if not isinstance(path, int):
                self.tell(name, path, more.get("dir_fd"))
            return real(path, *rest, **more)

        return called

    def by_two(self, name: str, real: _Call) -> _Call:
        def called(source: Any, target: Any, *rest: Any, **more: Any) -> Any:
            self.tell(name, target, more.get("dst_dir_fd", more.get("dir_fd")))
            return real(source, target, *rest, **more)

        return called

    def by_fd(self, name: str, real: _Call) -> _Call:
        def called(fd: int, *rest: Any) -> Any:
            self.tell_open(name, fd)
            return real(fd, *rest)

        return called

    def write(self, real: _Call) -> _Call:
        def called(fd: int, data: bytes) -> int:
            try:
                self.tell_open("write", fd)
            except Crash:
                real(fd, data[: len(data) // 2])  # torn: half of it went out
                raise
            return int(real(fd, data))

        return called

    def sync(self, name: str) -> _Call:
        def called(fd: int) -> None:
            found = self.tell_open(name, fd)
            if found is not None and self.machine is not None:
                self.machine.disk.sync(found)

        return called

    def sync_all(self, fd: int) -> None:
        """See `att.effects.filesystem.sync_file_system`."""
        if self.tell_open("syncfs", fd) is not None and self.machine is not None:
            self.machine.disk.sync_tree(self.machine.root)

    def open(self, real: _Call) -> _Call:
        def called(path: Any, flags: int, *rest: Any, **more: Any) -> Any:
            if flags & _CHANGING:
                self.tell("open", path, more.get("dir_fd"))
            return real(path, flags, *rest, **more)

        return called

    def open_file(self, real: _Call) -> _Call:
        def called(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if set(mode) & set("wax+") and not isinstance(file, int):
                self.tell("open", file)
            return real(file, mode, *rest, **more)

        return called


@contextmanager
def watched() -> Iterator[Callable[[Faulty], None]]:
    """Stand before the calls; what is yielded names the machine that they are told to."""
    calls = Calls()
    with pytest.MonkeyPatch.context() as patch:
        for names, standing in ((_BY_PATH, calls.by_path), (_BY_TWO, calls.by_two), (_BY_FD, calls.by_fd)):
            for name in names:
                patch.setattr(os, name, standing(name, getattr(os, name)))
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, calls.sync(name))
        patch.setattr(os, "write", calls.write(os.write))
        patch.setattr(os, "open", calls.open(os.open))
        patch.setattr(io, "open", calls.open_file(io.open))
        patch.setattr(builtins, "open", io.open)
        patch.setattr(tree, "sync_file_system", calls.sync_all)
        yield calls.watch
        calls.machine = None
