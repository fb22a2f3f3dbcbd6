"""What the installed releases hold, by digest: a thin bundle takes from them what it does not carry."""

import os
import stat
from collections.abc import Iterator
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
            fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(fd, "rb") as opened:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise OSError("no regular file")
                while piece := opened.read(_READ_BYTES):
                    yield piece
        except OSError as error:
            reason = error.strerror or str(error)
            raise Refused("release_damaged", f"cannot take {file} for the bundle: {reason}") from error

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
