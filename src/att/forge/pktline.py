"""The part of git's wire protocol that the forge must understand: what a push asks for, and how to refuse it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from att.kernel.errors import InvalidInput

FLUSH = b"0000"
COMMANDS_MAX = 1_000
COMMANDS_BYTES_MAX = 512 * 1024
NOTHING = "0" * 40
_HEX = frozenset("0123456789abcdef")
_SIDEBAND_BYTES_MAX = 65_515
_HEAD_BYTES = 4


@dataclass(frozen=True)
class Command:
    """One ref that a push wants to change from `old` to `new`; forty zeros stand for nothing."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        """Whether the ref shall go."""
        return self.new == NOTHING


@dataclass(frozen=True)
class Asked:
    """What a push asks for, read from its beginning; `read` are all bytes taken so far, to be handed on."""

    commands: tuple[Command, ...]
    capabilities: frozenset[str]
    read: bytes

    @property
    def brings_pack(self) -> bool:
        """Whether objects follow."""
        return not all(command.deletes for command in self.commands)


class Beginning:
    """Collects the beginning of a push until its list of commands is whole."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._at = 0
        self._commands: list[Command] = []
        self._capabilities: frozenset[str] = frozenset()

    def feed(self, chunk: bytes) -> Asked | None:
        """Take bytes; the answer comes with the last of the list. Raises InvalidInput(push_malformed)."""
        self._kept += chunk
        while True:
            line = self._line()
            if self._at > COMMANDS_BYTES_MAX:
                raise _malformed("its list of refs is too long")
            if line is None:
                return None
            if line == b"":
                return Asked(tuple(self._commands), self._capabilities, bytes(self._kept))
            self._take(line)

    def _line(self) -> bytes | None:
        """Return the next line, b"" for the flush that ends the list, None when it is not all there."""
        head = bytes(self._kept[self._at : self._at + _HEAD_BYTES])
        if len(head) < _HEAD_BYTES:
            return None
        try:
            size = int(head, 16)
        except ValueError as error:
            raise _malformed("a line has no length") from error
        if size == 0:
            self._at += _HEAD_BYTES
            return b""
        if size <= _HEAD_BYTES:
            raise _malformed("a line has a wrong length")
        if len(self._kept) < self._at + size:
            return None
        line = bytes(self._kept[self._at + _HEAD_BYTES : self._at + size])
        self._at += size
        return line

    def _take(self, line: bytes) -> None:
        if line.startswith(b"shallow "):
            return
        text, _, capabilities = line.partition(b"\0")
        if not self._commands:
            self._capabilities = frozenset(capabilities.decode("ascii", errors="replace").split())
        parts = text.rstrip(b"\n").decode("utf-8", errors="surrogateescape").split(" ", 2)
        if len(parts) != 3 or not (_is_id(parts[0]) and _is_id(parts[1])):
            raise _malformed("a line is no change of a ref")
        self._commands.append(Command(*parts))
        if len(self._commands) > COMMANDS_MAX:
            raise _malformed("it changes too many refs")


def refusal(asked: Asked, reasons: Mapping[str, str]) -> bytes:
    """Return the report that refuses a push as a whole: the reasons by ref, the others for their company."""
    lines = [pkt(b"unpack ok\n")]
    for command in asked.commands:
        reason = reasons.get(command.ref, "refused with the others")
        lines.append(pkt(f"ng {command.ref} {reason}\n".encode("utf-8", errors="surrogateescape")))
    report = b"".join(lines) + FLUSH
    if not asked.capabilities & {"report-status", "report-status-v2"}:
        return b""
    if "side-band-64k" not in asked.capabilities:
        return report
    return b"".join(pkt(b"\x01" + part) for part in _parts(report)) + FLUSH


def pkt(data: bytes) -> bytes:
    """Return one line of the protocol."""
    return f"{len(data) + _HEAD_BYTES:04x}".encode() + data


def _parts(data: bytes) -> Iterable[bytes]:
    return (data[at : at + _SIDEBAND_BYTES_MAX] for at in range(0, len(data), _SIDEBAND_BYTES_MAX))


def _is_id(text: str) -> bool:
    return len(text) == len(NOTHING) and set(text) <= _HEX


def _malformed(why: str) -> InvalidInput:
    return InvalidInput("push_malformed", f"cannot read the push: {why}")
