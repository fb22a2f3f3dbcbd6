"""Reads and changes the text of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Pure.

A line that is not touched stays byte for byte what it was: cloud-init and people write into the same file.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
OLD_KINDS = ("ssh-dss",)
PREFIX_CHARS_MIN = 6
COMMENT_CHARS_MAX = 200
_DIGEST = "SHA256:"
# Options end at the first blank outside of quotes; \" is no end of quotes.
_OPTIONS = re.compile(r'((?:[^\s"]|"(?:\\"|[^"])*")+)[ \t]+(.*)', re.DOTALL)
_BLANKS = re.compile(r"[ \t]+")
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Entry:
    """One key of the file. `options` as they stand before it, empty without."""

    kind: str
    blob: bytes
    comment: str = ""
    options: str = ""

    @property
    def fingerprint(self) -> str:
        """The key's digest as ssh-keygen prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii")
        return _DIGEST + digest.rstrip("=")

    @property
    def usable(self) -> bool:
        """Whether an sshd of today lets somebody in for it."""
        return self.kind in KINDS

    @property
    def line(self) -> str:
        """The entry as it is written."""
        parts = (self.options, self.kind, base64.b64encode(self.blob).decode("ascii"), self.comment)
        return " ".join(part for part in parts if part)


def parse(line: str) -> Entry | None:
    """Return the key of one line, None for what is no key."""
    line = line.strip(" \t\r\n")
    plain = _key(line)
    if plain is not None:
        return plain
    found = _OPTIONS.fullmatch(line)
    if found is None or line.startswith("#"):
        return None
    key = _key(found[2].lstrip(" \t"))
    return None if key is None else Entry(key.kind, key.blob, key.comment, found[1])


def entries(text: str) -> tuple[Entry, ...]:
    """Return the keys of a file in their order."""
    return tuple(found for line in _lines(text) if (found := parse(line)) is not None)


def strange(text: str) -> int:
    """Return how many lines are neither a key, a comment nor blank."""
    return sum(1 for line in _lines(text) if line.strip() and not line.lstrip().startswith("#") and not parse(line))


def added(text: str, entry: Entry) -> str:
    """Return the file with the key; as it is when it lets the key in already."""
    if any(one.blob == entry.blob and not one.options for one in entries(text)):
        return text
    gap = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{gap}{entry.line}\n"


def removed(text: str, entry: Entry) -> str:
    """Return the file without any line of that key."""
    kept = (line for line in _lines(text) if (found := parse(line)) is None or found.blob != entry.blob)
    return "".join(kept)


def named(found: Sequence[Entry], name: str) -> list[Entry]:
    """Return the keys meant by a fingerprint, the beginning of one, or a comment; each key once."""
    once = {one.blob: one for one in found}.values()
    digest = name.removeprefix(_DIGEST)
    exact = [one for one in once if one.fingerprint == _DIGEST + digest]
    begun = [one for one in once if one.fingerprint.startswith(_DIGEST + digest) and len(digest) >= PREFIX_CHARS_MIN]
    return exact or begun or [one for one in once if one.comment == name]


def plain_comment(text: str) -> bool:
    """Whether a comment may stand in the file: one short line that draws nothing on a terminal."""
    return len(text) <= COMMENT_CHARS_MAX and text.isprintable() and text == text.strip()


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _key(line: str) -> Entry | None:
    kind, encoded, comment = (*_BLANKS.split(line, maxsplit=2), "", "")[:3]
    if kind not in KINDS + OLD_KINDS:
        return None
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    name = kind.encode("ascii")
    return Entry(kind, blob, comment.strip()) if blob.startswith(len(name).to_bytes(_LENGTH_BYTES) + name) else None
