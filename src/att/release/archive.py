"""Reads the tar (zstd) of a bundle as a stream, through one descriptor, and refuses every member it does not know.

Only plain ustar headers of regular files and symbolic links pass. Memory stays small whatever the input claims, and no
byte is read past the size that the file had when it was opened.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from att.kernel.errors import InvalidInput, Refused, TooLarge
from att.release.names import path_defect

BLOCK = 512
_READ_BYTES = 1 << 18
# A zstd block of 128 KiB fits in 4 bytes: this bounds what one call may inflate to 32 MiB.
_FEED_BYTES = 1 << 10
_WINDOW_BYTES_MAX = 1 << 23
"""What a decoder must have by RFC 8878 §3.1.1.1.2; level 19 is the highest that stays within."""
_MAGIC = b"\x28\xb5\x2f\xfd"
_SPECIAL = {
    b"1": ("bundle_member_hardlink", "a hard link"),
    b"3": ("bundle_member_device", "a character device"),
    b"4": ("bundle_member_device", "a block device"),
    b"6": ("bundle_member_fifo", "a fifo"),
    b"x": ("bundle_member_extended", "a pax header"),
    b"g": ("bundle_member_extended", "a global pax header"),
    b"S": ("bundle_member_sparse", "a sparse file"),
    b"L": ("bundle_path_too_long", "a name longer than a plain header holds"),
    b"K": ("bundle_path_too_long", "a link longer than a plain header holds"),
}


@dataclass(frozen=True)
class Member:
    """A checked tar header: `name` is a plain relative path, `link` the target when it is a symbolic link."""

    name: str
    mode: int
    size: int
    link: str | None


class Archive:
    """The decompressed stream of one bundle file, read from its start whatever the descriptor's offset is."""

    def __init__(self, fd: int, *, file_bytes_max: int, stream_bytes_max: int) -> None:
        self._fd = fd
        self._end = _file_size(fd, file_bytes_max)
        self._offset = 0
        self._input = b""
        self._taken = 0
        self._ready = bytearray()
        self._left = self._declared(stream_bytes_max)
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
        self._stream = decompressor.decompressobj(read_across_frames=False)

    def members(self) -> Iterator[Member]:
        """Yield each member's header; the caller takes its bytes with `content` before it asks for the next."""
        while True:
            block = self._exactly(BLOCK)
            if block == bytes(BLOCK):
                break
            yield _member(block)
        if self._exactly(BLOCK) != bytes(BLOCK) or self._ready or self._left:
            raise _damaged("the archive goes on after its end")
        self._finish()

    def content(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes of `member` in pieces."""
        left = member.size
        while left:
            piece = self._some(left)
            left -= len(piece)
            yield piece
        if any(self._exactly(-member.size % BLOCK)):
            raise _damaged("a member is followed by other bytes than zeros")

    def small(self, member: Member, bytes_max: int) -> bytes:
        """Return the whole content of `member`, which may have at most `bytes_max` bytes."""
        if member.size > bytes_max:
            what = f"{member.name} has more than {bytes_max} bytes"
            raise TooLarge("metadata_too_large", f"cannot use the bundle: {what}")
        return b"".join(self.content(member))

    def _declared(self, stream_bytes_max: int) -> int:
        head = os.pread(self._fd, 32, 0)
        if not _MAGIC.startswith(head[: len(_MAGIC)]):
            raise InvalidInput("bundle_foreign", "cannot read the file: it is no bundle", field="bundle")
        try:
            frame = zstandard.get_frame_parameters(head)
        except zstandard.ZstdError as error:
            raise _truncated() from error
        declared = frame.content_size
        if declared in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
            raise Refused("bundle_endless", "cannot use the bundle: it does not say how much it unpacks to")
        if declared > stream_bytes_max:
            raise TooLarge("bundle_bomb", f"cannot use the bundle: it unpacks to {declared} bytes")
        if frame.window_size > _WINDOW_BYTES_MAX:
            what = f"it needs {frame.window_size} bytes of memory to unpack"
            raise TooLarge("bundle_bomb", f"cannot use the bundle: {what}")
        return int(declared)

    def _exactly(self, size: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            pieces += self._some(size - len(pieces))
        return bytes(pieces)

    def _some(self, size_max: int) -> bytes:
        while not self._ready:
            self._inflate()
        piece = bytes(self._ready[:size_max])
        del self._ready[:size_max]
        return piece

    def _inflate(self) -> None:
        if self._stream.eof:
            raise _truncated()
        if self._taken >= len(self._input):
            self._refill()
        feed = self._input[self._taken : self._taken + _FEED_BYTES]
        self._taken += len(feed)
        try:
            self._ready += self._stream.decompress(feed)
        except zstandard.ZstdError as error:
            raise _damaged(str(error)) from error
        fresh = len(self._ready)
        if fresh > self._left:
            raise TooLarge("bundle_bomb", "cannot use the bundle: it unpacks to more than it says")
        self._left -= fresh

    def _refill(self) -> None:
        wanted = min(_READ_BYTES, self._end - self._offset)
        try:
            self._input = os.pread(self._fd, wanted, self._offset) if wanted else b""
        except OSError as error:
            raise InvalidInput(
                "bundle_unreadable", f"cannot read the bundle: {error.strerror}", field="bundle"
            ) from error
        if not self._input:
            raise _truncated()
        self._offset += len(self._input)
        self._taken = 0

    def _finish(self) -> None:
        while not self._stream.eof:
            self._inflate()
            if self._ready:
                raise _damaged("the archive goes on after its end")
        if self._stream.unused_data or self._taken < len(self._input) or self._offset < self._end:
            raise Refused("bundle_trailing", "cannot use the bundle: the file goes on after the archive")


def _file_size(fd: int, bytes_max: int) -> int:
    try:
        status = os.fstat(fd)
    except OSError as error:
        raise InvalidInput("bundle_unreadable", f"cannot read the bundle: {error.strerror}", field="bundle") from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput("bundle_unreadable", "cannot read the bundle: it is no regular file", field="bundle")
    if status.st_size > bytes_max:
        raise TooLarge("bundle_too_large", f"cannot use the bundle: it has more than {bytes_max} bytes")
    return status.st_size


def _member(block: bytes) -> Member:
    if block[148:156] != b"%06o\0 " % (sum(block[:148]) + 8 * 0x20 + sum(block[156:])):
        raise _damaged("a header does not add up")
    kind = block[156:157]
    if kind in _SPECIAL:
        code, what = _SPECIAL[kind]
        raise Refused(code, f"cannot use the bundle: it holds {what}")
    if kind not in (b"0", b"2"):
        raise Refused("bundle_member_kind", f"cannot use the bundle: it holds a member of kind {kind!r}")
    if block[257:265] != b"ustar\x0000":
        raise Refused("bundle_member_extended", "cannot use the bundle: a header is in another form than ustar")
    mode, size = _number(block[100:108]), _number(block[124:136])
    if mode & ~0o777:
        raise Refused("bundle_member_setuid", "cannot use the bundle: a member has set-id or sticky bits")
    prefix, name = _text(block[345:500]), _text(block[:100])
    path = f"{prefix}/{name}" if prefix else name
    defect = path_defect(path)
    if defect:
        raise Refused(defect[0], f"cannot use the bundle: {defect[1]}")
    link = _text(block[157:257])
    if (kind == b"2") != bool(link) or (kind == b"2" and size):
        raise Refused(
            "bundle_member_link", "cannot use the bundle: a link without a target, or a target without a link"
        )
    return Member(path, mode, size, link or None)


def _number(raw: bytes) -> int:
    if raw[0] & 0x80:
        raise Refused(
            "bundle_member_extended", "cannot use the bundle: a header has a number in another form than octal"
        )
    digits = raw.rstrip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise _damaged("a header has a number that is none")
    return int(digits, 8)


def _text(raw: bytes) -> str:
    kept, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0"):
        raise Refused("bundle_member_name", "cannot use the bundle: a header hides bytes behind a name")
    try:
        return kept.decode()
    except UnicodeDecodeError as error:
        raise Refused("bundle_member_name", "cannot use the bundle: a name is not in UTF-8") from error


def _damaged(reason: str) -> Refused:
    return Refused("bundle_damaged", f"cannot read the bundle: {reason}")


def _truncated() -> Refused:
    return Refused("bundle_truncated", "cannot read the bundle: it ends too early")
