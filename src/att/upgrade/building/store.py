"""Objects as the unpacking task wrote them: copied to a file of the engine's own, every id computed on the way.

The form is that of `git cat-file --batch`: a line `ID KIND SIZE`, the bytes, a newline. Nothing in it is believed.
"""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from att.kernel.errors import TooLarge
from att.upgrade.building.objects import CommitObject, TreeItem, damaged, object_id, read_commit, read_tree

OBJECTS_MAX = 100_000
OBJECT_BYTES_MAX = 16 << 20
ALL_BYTES_MAX = 512 << 20
_LINE_BYTES_MAX = 64
_LINE = re.compile(rb"([0-9a-f]{40}) (blob|tree|commit) ([0-9]{1,10})\n")


@dataclass(frozen=True)
class _Place:
    kind: str
    offset: int
    size: int
    sha256: str


class ObjectStore:
    """Implements `Objects` over an unnamed file in `folder`; `close` gives its space back."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- lives as long as this
        self._places: dict[str, _Place] = {}
        self._end = 0

    def close(self) -> None:
        """Forget every object."""
        self._file.close()
        self._places.clear()

    def fill(self, source: BinaryIO) -> None:
        """Take every object of `source`; Refused(pack_damaged) or TooLarge(pack_too_large), then nothing is usable."""
        while line := source.readline(_LINE_BYTES_MAX):
            found = _LINE.fullmatch(line)
            if found is None:
                raise damaged("what came out of it is no list of objects")
            self._take(source, found[1].decode(), found[2].decode(), int(found[3]))

    def has(self, name: str) -> bool:
        """See `Objects`."""
        return name in self._places

    def commit(self, name: str) -> CommitObject:
        """See `Objects`."""
        return read_commit(name, self._bytes(name, "commit"))

    def tree(self, name: str) -> tuple[TreeItem, ...]:
        """See `Objects`."""
        return read_tree(name, self._bytes(name, "tree"))

    def file(self, name: str) -> tuple[str, int]:
        """See `Objects`."""
        place = self._place(name, "blob")
        return place.sha256, place.size

    def content(self, name: str) -> bytes:
        """See `Objects`."""
        return self._bytes(name, "blob")

    def _take(self, source: BinaryIO, name: str, kind: str, size: int) -> None:
        if size > OBJECT_BYTES_MAX or len(self._places) >= OBJECTS_MAX or self._end + size > ALL_BYTES_MAX:
            text = (
                f"cannot use the pack: an object of {size} bytes after {len(self._places)} of {self._end} is too much"
            )
            raise TooLarge("pack_too_large", text)
        content = source.read(size)
        if len(content) != size or source.read(1) != b"\n" or name in self._places:
            raise damaged("what came out of it is no list of objects")
        if object_id(kind, content) != name:
            raise damaged(f"{name[:12]} is not what its id says")
        self._file.write(content)
        self._places[name] = _Place(kind, self._end, size, hashlib.sha256(content).hexdigest())
        self._end += size

    def _place(self, name: str, kind: str) -> _Place:
        place = self._places.get(name)
        if place is None or place.kind != kind:
            raise damaged(f"it lacks the {kind} {name[:12]}")
        return place

    def _bytes(self, name: str, kind: str) -> bytes:
        place = self._place(name, kind)
        self._file.flush()
        return os.pread(self._file.fileno(), place.size, place.offset)
