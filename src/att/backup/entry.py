"""One member of a backup, and the digest over all of them that is signed."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Literal

Kind = Literal["file", "folder", "link"]
BLOCK_BYTES = 4096
_FOLDER_BYTES = BLOCK_BYTES
_NAME_BYTES = 1024


@dataclass(frozen=True)
class Entry:
    """What a tar header tells of one file, folder or symbolic link; `target` is where a link leads."""

    name: str
    kind: Kind
    mode: int
    user: str
    group: str
    size: int = 0
    modified: int = 0
    target: str = ""

    @property
    def work_bytes(self) -> int:
        """What it counts in the progress of who reads or writes it: a name takes time too."""
        return self.size + _NAME_BYTES

    @property
    def disk_bytes(self) -> int:
        """What it takes on a disk, in whole blocks."""
        return -(-self.size // BLOCK_BYTES) * BLOCK_BYTES if self.kind == "file" else _FOLDER_BYTES


class Digest:
    """SHA-256 over headers and contents in their order; a content has exactly the size that its header says."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def header(self, entry: Entry) -> None:
        """Take a header in; its content must follow."""
        told = json.dumps(astuple(entry), ensure_ascii=True).encode()
        self._hash.update(len(told).to_bytes(4, "big") + told)

    def content(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Take each piece in, and pass it on."""
        for piece in pieces:
            self._hash.update(piece)
            yield piece

    @property
    def hex(self) -> str:
        """What it is up to here."""
        return self._hash.hexdigest()
