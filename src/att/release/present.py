"""What the installed releases hold, by digest: a new release shares their files, and a thin bundle lacks them."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from att.kernel.errors import AttError, Refused
from att.release.metadata import parse_metadata
from att.release.schema import COMPLETE, METADATA

_READ_BYTES = 1 << 18


class Present:
    """The files of every completely installed release under `releases`, read when the first of them is wanted.

    A digest here is a claim of the release's metadata: who takes the content hashes it.
    """

    def __init__(self, releases: Path) -> None:
        self._releases = releases
        self._found: dict[str, Path] | None = None

    def find(self, sha256: str) -> Path | None:
        """Return a file that is listed with this hex digest, None when no installed release has one."""
        if self._found is None:
            self._found = dict(self._listed())
        return self._found.get(sha256)

    def content(self, file: Path) -> Iterator[bytes]:
        """Yield the bytes of `file`, never through a link; Refused("release_damaged") when they cannot be read."""
        try:
            with _opened(file) as opened:
                while piece := opened.read(_READ_BYTES):
                    yield piece
        except OSError as error:
            reason = error.strerror or str(error)
            raise Refused("release_damaged", f"cannot take {file} for the bundle: {reason}") from error

    @contextmanager
    def intact(self, sha256: str, mode: int) -> Iterator[int | None]:
        """Open a file of an installed release with this digest and `mode`, hashed just now; None when there is none."""
        file = self.find(sha256)
        if file is None:
            yield None
            return
        try:
            opened = _opened(file)
        except OSError:
            yield None  # Whoever needs its content meets the error again, with its reason.
            return
        with opened:
            status = os.fstat(opened.fileno())
            same = stat.S_IMODE(status.st_mode) == mode and status.st_uid == os.geteuid()
            yield opened.fileno() if same and _digest(opened) == sha256 else None

    def _listed(self) -> Iterator[tuple[str, Path]]:
        for release in sorted(self._releases.glob("*")) if self._releases.is_dir() else []:
            if not (release / COMPLETE).is_file():
                continue
            try:
                metadata = parse_metadata((release / METADATA).read_bytes())
            except (OSError, AttError):
                continue  # A damaged release gives nothing; whoever looks at releases reports it.
            for path, entry in metadata.regular().items():
                yield entry.sha256, release / path


def _opened(file: Path) -> FileIO:
    fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError("no regular file")
    return FileIO(fd)


def _digest(opened: FileIO) -> str | None:
    try:
        return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
