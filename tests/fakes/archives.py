"""Small signed bundles, and archives that no honest builder would write."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from att.appliance import Facts, facts
from att.release.archive import BLOCK
from att.release.bundle import member_name
from att.release.schema import (
    LICENCE,
    METADATA,
    SBOM,
    SIGNATURES,
    DatabaseSchema,
    File,
    Link,
    Metadata,
    Requires,
    Step,
)
from att.release.trust import TrustRoot, keyid_of, sign_metadata
from att.release.writer import header, metadata_bytes

VERSION = "0.1.0.dev7+g0123abcde"
COMMIT = "0123abcde" + "0" * 31
BUILT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CONTENT = {
    LICENCE: b"Apache-2.0\n",
    SBOM: b"{}\n",
    "console/index.html": b"<!doctype html>\n",
    "systemd/att-api.service": b"[Service]\nExecStart=/bin/true\n",
    "upgrade/gates.toml": b"[gate]\n",
    "venv/lib/python3.13/site-packages/att/__init__.py": b'"""ATT."""\n' * 3000,
}
LINKS = {"venv/bin/python": "/usr/bin/python3.13", "venv/bin/python3": "python", "venv/lib64": "lib"}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Return the public half as the trust root holds it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trust_in(*keys: Ed25519PrivateKey, **fields: Any) -> TrustRoot:
    """Return a trust root of these keys."""
    return TrustRoot(keys={keyid_of(key.public_key()): key.public_key() for key in keys}, **fields)


def machine(root: Path, *keys: Ed25519PrivateKey) -> Facts:
    """Return the facts of a staged root whose trust root holds `keys` (the builder's key unless given)."""
    found = facts().rooted(root)
    found.paths.trust.mkdir(parents=True, exist_ok=True)
    for index, key in enumerate(keys or (KEY,)):
        (found.paths.trust / f"{index}.pem").write_bytes(pem_of(key))
    return found


def metadata_for(
    content: dict[str, bytes] | None = None, links: dict[str, str] | None = None, **changes: Any
) -> Metadata:
    """Return honest metadata of such a release, with `changes` to its fields."""
    content, links = CONTENT if content is None else content, LINKS if links is None else links
    files: dict[str, File | Link] = {
        path: File(sha256=hashlib.sha256(data).hexdigest(), mode="0444", size=len(data))
        for path, data in content.items()
    }
    files |= {path: Link(link=target) for path, target in links.items()}
    fields: dict[str, Any] = {
        "product": "att",
        "compatible": "att-appliance",
        "architecture": "x86_64",
        "version": VERSION,
        "build_time": BUILT,
        "commit": COMMIT,
        "from_versions": (">=0.1.0.dev0",),
        "requires": Requires(contract=1, python="3.13", stage0=1),
        "database": DatabaseSchema(
            version=1, min_reader=1, change="additive", steps=(Step(version=1, min_reader=1, change="additive"),)
        ),
        "size": sum(map(len, content.values())),
        "files": files,
    }
    return Metadata(**{**fields, **changes})


@dataclass(frozen=True)
class Entry:
    """One raw member: 512 bytes of header, then its content, padded."""

    head: bytes
    body: bytes = b""

    @property
    def raw(self) -> bytes:
        return self.head + self.body + bytes(-len(self.body) % BLOCK)


def entry(name: str, body: bytes = b"", *, mode: int = 0o444, link: str = "") -> Entry:
    """Return an honest member."""
    return Entry(header(name, mode=0o777 if link else mode, size=len(body), mtime=0, link=link), body)


def odd(name: str, kind: bytes, body: bytes = b"", *, link: str = "", mode: int = 0o444) -> Entry:
    """Return a member of any kind, with a header that adds up."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(body), link, mode
    return Entry(info.tobuf(tarfile.USTAR_FORMAT), body)


def patched(found: Entry, offset: int, raw: bytes) -> Entry:
    """Return the member with bytes of its header replaced and the checksum made to fit again."""
    head = bytearray(found.head)
    head[offset : offset + len(raw)] = raw
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return replace(found, head=bytes(head))


def extended(name: str, form: Literal[0, 1, 2], **fields: Any) -> Entry:
    """Return what tarfile writes for a member in another form than plain ustar."""
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return Entry(info.tobuf(form, "utf-8", "surrogateescape"))


@dataclass
class Parts:
    """A bundle in pieces: change any of them, then `write`."""

    metadata: bytes
    signatures: bytes
    members: list[Entry] = field(default_factory=list)
    end: bytes = bytes(2 * BLOCK)

    @classmethod
    def honest(
        cls,
        content: dict[str, bytes] | None = None,
        links: dict[str, str] | None = None,
        *,
        keys: Sequence[Ed25519PrivateKey] = (KEY,),
        **changes: Any,
    ) -> "Parts":
        """Return the parts of a good bundle; `changes` go to the metadata, which is signed with them."""
        content, links = CONTENT if content is None else content, LINKS if links is None else links
        raw = metadata_bytes(metadata_for(content, links, **changes))
        members = [entry(member_name(path), data) for path, data in content.items()]
        members += [entry(member_name(path), link=target) for path, target in links.items()]
        return cls(raw, sign_metadata(raw, keys), members)

    def stream(self) -> bytes:
        """Return the uncompressed archive."""
        documents = [entry(METADATA, self.metadata), entry(SIGNATURES, self.signatures)]
        return b"".join(member.raw for member in [*documents, *self.members]) + self.end

    def write(self, path: Path) -> Path:
        """Write the bundle file and return its path."""
        path.write_bytes(compressed(self.stream()))
        return path


def compressed(stream: bytes, *, declared: int | None = None, **options: Any) -> bytes:
    """Return the zstd frame of `stream`; `declared` is a size to write into it that need not be true."""
    packed = zstandard.ZstdCompressor(level=1, write_checksum=True, **options).compress(stream)
    if declared is None:
        return packed
    parameters = zstandard.get_frame_parameters(packed)
    old = parameters.content_size
    width = 8 if old >= 1 << 32 else 4 if old >= (1 << 16) + 256 else 2
    bias = 256 if width == 2 else 0
    raw = (old - bias).to_bytes(width, "little")
    at = packed.index(raw, 4, 18)
    return packed[:at] + (declared - bias).to_bytes(width, "little") + packed[at + width :]


def endless(pieces: Iterable[bytes]) -> bytes:
    """Return a frame that does not declare how much it unpacks to."""
    output = io.BytesIO()
    with zstandard.ZstdCompressor(level=1).stream_writer(output, closefd=False) as writer:
        for piece in pieces:
            writer.write(piece)
    return output.getvalue()
