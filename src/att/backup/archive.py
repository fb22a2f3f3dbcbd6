"""The content of a backup: a tar (zstd) of the manifest, the parts, and last the signed statement over all of it.

Plain tools read it too: `age --decrypt --identity KEY-FILE FILE | tar --zstd --extract`.
"""

import io
import tarfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import zstandard

from att.backup import age
from att.backup.entry import Digest, Entry, Kind

MANIFEST, STATEMENT = "manifest.json", "statement.json"
ENTRIES_MAX = 5_000_000
PIECE_BYTES = 1 << 20
_NAME_CHARS_MAX = 4096
_LEVEL = 3
_KINDS: Mapping[bytes, Kind] = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link"}
_TYPES = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
# Many times what the longest header takes; tarfile would read whatever a header claims.
_READ_BYTES_MAX = 16 * PIECE_BYTES


class Writer:
    """Writes the members to `sink`, encrypted for `secret`. `close` ends the file; without it, it does not open."""

    def __init__(self, sink: age.Sink, secret: bytes) -> None:
        self._sealed = age.Writer(sink, secret)
        self._packed = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self.digest = Digest()

    def add(self, entry: Entry, content: Iterable[bytes] = ()) -> None:
        """Write a member; `content` gives exactly `entry.size` bytes."""
        self.digest.header(entry)
        self._put(_info(entry).tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        for piece in self.digest.content(content):
            self._put(piece)
        self._put(bytes(-entry.size % tarfile.BLOCKSIZE))

    def text(self, name: str, data: bytes) -> None:
        """Write a small file of root's."""
        self.add(Entry(name, "file", 0o600, "root", "root", len(data)), [data])

    def close(self) -> None:
        """Write the end of tar, zstd and age."""
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._sealed.write(self._packed.flush())
        self._sealed.close()

    def _put(self, data: bytes) -> None:
        self._sealed.write(self._packed.compress(data))


class Reader:
    """Reads a file that `Writer` wrote. Whatever the bytes are, it raises `age.Reader`'s errors and no others."""

    def __init__(self, source: age.Source, secret: bytes) -> None:
        self._opened = io.BufferedReader(age.Reader(source, secret), age.CHUNK_BYTES)
        self._plain = zstandard.ZstdDecompressor().stream_reader(self._opened, read_across_frames=False)
        self._digest = Digest()
        self.before = self._digest.hex
        """The digest of all members before the one at hand."""

    def members(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Yield each member and the pieces of its content, which are read on if the caller takes none."""
        with _told():
            archive = tarfile.open(  # noqa: SIM115 - the reader's, whose caller closes the file
                fileobj=_Bounded(self._plain), mode="r|", bufsize=PIECE_BYTES, encoding="utf-8"
            )
            count = 0
            while (info := archive.next()) is not None:
                # Else tarfile keeps every member it has seen.
                archive.members = []  # type: ignore[attr-defined]  # typeshed does not know it
                count += 1
                if count > ENTRIES_MAX:
                    raise age.damaged(f"it has more than {ENTRIES_MAX} members")
                entry = _entry(info)
                self.before = self._digest.hex
                self._digest.header(entry)
                content = self._digest.content(_pieces(archive, info))
                yield entry, content
                deque(content, maxlen=0)
            self._finish()

    def _finish(self) -> None:
        """See that nothing follows, and that the file really ends here."""
        while piece := self._plain.read(PIECE_BYTES):
            if any(piece):
                raise age.damaged("something follows after its end")
        if self._opened.read(1):
            raise age.damaged("something follows after its end")


class _Bounded(io.RawIOBase):
    """A source of which nobody reads more at once than a backup's headers need."""

    def __init__(self, source: zstandard.ZstdDecompressionReader) -> None:
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        if not 0 <= size <= _READ_BYTES_MAX:
            raise age.damaged("a header is too large")
        return self._source.read(size)


def _pieces(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    if not info.isreg():
        return
    with _told():
        file = archive.extractfile(info)
        while file is not None and (piece := file.read(PIECE_BYTES)):
            yield piece


def _info(entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.name)
    info.type, info.mode, info.size, info.mtime = _TYPES[entry.kind], entry.mode, entry.size, entry.modified
    info.uname, info.gname, info.linkname = entry.user, entry.group, entry.target
    return info


def _entry(info: tarfile.TarInfo) -> Entry:
    kind = _KINDS.get(info.type)
    if kind is None or info.mode & ~0o7777 or len(info.name) > _NAME_CHARS_MAX or len(info.linkname) > _NAME_CHARS_MAX:
        raise age.damaged("it holds a member that no backup has")
    size = info.size if kind == "file" else 0
    target = info.linkname if kind == "link" else ""
    return Entry(info.name, kind, info.mode, info.uname, info.gname, size, int(info.mtime), target)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the formats say into the one error of a file that is not whole."""
    try:
        yield
    except (tarfile.TarError, zstandard.ZstdError, EOFError, UnicodeError, ValueError, OverflowError) as error:
        raise age.damaged(f"its content is no archive ({type(error).__name__})") from error
