"""Where jobs of the building user are laid out, run and judged: each in a fresh folder of root's, with two files that
the job may write.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from att.kernel.errors import Failed, Refused, TooLarge
from att.kernel.ids import new_id
from att.release.tree import disk_errors
from att.upgrade.building.job import PROBLEM, PROBLEM_BYTES_MAX, RESULT

RESULT_BYTES_MAX = 600 << 20
_PREFIX = "build"


class Tasks(Protocol):
    """Runs `att.entrypoints.build` on a folder; `user` is whose the files are that it may write, None: one's own."""

    user: str | None

    def run(self, folder: Path) -> bool:
        """Return whether the job ended well; raises Unavailable where nobody could begin it."""


class Bench:
    """Jobs below `folder`, run by `tasks`."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        self._folder = folder
        self._tasks = tasks

    def sweep(self) -> None:
        """Remove what an interrupted build left."""
        for left in self._folder.glob(f"{_PREFIX}_*"):
            shutil.rmtree(left, ignore_errors=True)
        for bundle in self._folder.glob("*.attb"):
            bundle.unlink()

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Give a new folder that nobody else reads, and remove it at the end."""
        with disk_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = self._folder / new_id(_PREFIX)
            folder.mkdir(mode=0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def done(self, what: str, name: str, fill: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
        """Run the job whose input `name` is what `fill` writes, and give its result, open for reading.

        Refused(build_refused) with the job's own words when it failed, `what` saying what it was to do.
        """
        with self.place() as folder:
            with disk_errors(folder):
                with (folder / name).open("xb") as given:
                    fill(given)
                    os.fchmod(given.fileno(), 0o444)
                for written in (RESULT, PROBLEM):
                    self._make_writable(folder / written)
            if not self._tasks.run(folder):
                raise Refused("build_refused", f"cannot {what}: {_problem(folder / PROBLEM)}")
            with _opened(folder / RESULT) as result:
                yield result

    def _make_writable(self, path: Path) -> None:
        # The folder is root's: a job that was taken over fills its own two files and no disk.
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            if self._tasks.user is not None:
                os.fchown(file.fileno(), *_numbers(self._tasks.user))


def _numbers(user: str) -> tuple[int, int]:
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise Failed("internal", f"cannot build: there is no user {user}") from error
    return found.pw_uid, found.pw_gid


def _opened(path: Path) -> BinaryIO:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.fdopen(fd, "rb")
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size > RESULT_BYTES_MAX:
        file.close()
        raise TooLarge("pack_too_large", f"cannot use the result: it has more than {RESULT_BYTES_MAX} bytes")
    return file


def _problem(path: Path) -> str:
    with _opened(path) as file:
        said = file.read(PROBLEM_BYTES_MAX).decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in said).strip() or "its task did not say why"
