"""The age file format, version 1, for one X25519 recipient: https://c2sp.org/age

A header that wraps a fresh file key for the recipient and authenticates itself, then the content in chunks of 64 KiB,
each sealed with ChaCha20-Poly1305 (the STREAM construction): the chunk's number and whether it is the last are part of
its nonce, so that a chunk that is changed, moved, left out, repeated or cut off does not open. What is written here
opens with `age --decrypt --identity KEY-FILE`, and the other way round.
"""

import base64
import binascii
import hashlib
import hmac
import io
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from att.backup import bech32
from att.kernel.errors import InvalidInput, Refused

CHUNK_BYTES = 64 * 1024
_MAGIC = b"age-encryption.org/v1\n"
_STANZA = b"-> X25519 "
_MAC = b"--- "
_WRAP = b"age-encryption.org/v1/X25519"
_TAG_BYTES = 16
_FILE_KEY_BYTES = 16
_NONCE_BYTES = 16
_LINE_BYTES_MAX = 128
_IDENTITY, _RECIPIENT = "age-secret-key-", "age"


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


class Source(Protocol):
    """Gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none only at the end."""


def identity_text(secret: bytes) -> str:
    """Return the private half as age writes it: AGE-SECRET-KEY-1…"""
    return bech32.encode(_IDENTITY, secret).upper()


def identity_of(text: str) -> bytes:
    """Return the 32 bytes of a private half; ValueError says what is wrong with the text, and does not repeat it."""
    secret = bech32.decode(_IDENTITY, text)
    if len(secret) != 32:
        raise ValueError("it has another length than a key")
    return secret


def recipient_text(secret: bytes) -> str:
    """Return the public half of a key as age writes it: age1…"""
    return bech32.encode(_RECIPIENT, X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw())


class Writer:
    """Encrypts what is written to it for the holder of `secret`; `close` writes the end, without which it is none."""

    def __init__(self, sink: Sink, secret: bytes) -> None:
        self._sink = sink
        self._held = bytearray()
        self._number = 0
        file_key, nonce = os.urandom(_FILE_KEY_BYTES), os.urandom(_NONCE_BYTES)
        recipient = X25519PrivateKey.from_private_bytes(secret).public_key()
        sink.write(_header(file_key, recipient) + nonce)
        self._cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))

    def write(self, data: bytes) -> int:
        """Take bytes; a whole chunk is written as soon as it is known not to be the last."""
        self._held += data
        while len(self._held) > CHUNK_BYTES:
            self._seal(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the last chunk."""
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


class Reader(io.RawIOBase):
    """Decrypts; every byte that `read` returns is authentic, and the end is told only where the file really ends.

    Refused(backup_foreign) for what is no such file, Refused(backup_key_wrong) where it was not made for `secret`,
    Refused(backup_damaged) for one that was changed or cut.
    """

    def __init__(self, source: Source, secret: bytes) -> None:
        self._source = source
        self._number = 0
        self._ready = b""
        self._taken = 0
        file_key = _file_key(source, secret)
        nonce = _exactly(source, _NONCE_BYTES)
        if len(nonce) != _NONCE_BYTES:
            raise damaged("it ends in its header")
        self._cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
        self._next = _exactly(source, CHUNK_BYTES + _TAG_BYTES)
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's buffer is wider
        """Fill a part of `buffer`; 0 at the end."""
        while self._taken == len(self._ready):
            if self._ended:
                return 0
            self._open_next()
        count = min(len(buffer), len(self._ready) - self._taken)
        buffer[:count] = self._ready[self._taken : self._taken + count]
        self._taken += count
        return count

    def _open_next(self) -> None:
        sealed = self._next
        self._next = _exactly(self._source, CHUNK_BYTES + _TAG_BYTES) if sealed else b""
        last = not self._next
        try:
            self._ready = self._cipher.decrypt(_nonce(self._number, last=last), sealed, None)
        except InvalidTag as error:
            raise damaged("it was changed or cut short") from error
        if not self._ready and self._number:
            raise damaged("its last chunk is empty")
        self._taken, self._number, self._ended = 0, self._number + 1, last


def damaged(reason: str) -> Refused:
    """Return the error of a file that is not whole."""
    return Refused("backup_damaged", f"cannot use the backup: {reason}")


def _header(file_key: bytes, recipient: X25519PublicKey) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    wrapping = _wrapping_key(ephemeral.exchange(recipient), share, recipient)
    body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    text = _MAGIC + _STANZA + _base64(share) + b"\n" + _base64(body) + b"\n" + _MAC.rstrip()
    return text + b" " + _base64(_header_mac(file_key, text)) + b"\n"


def _file_key(source: Source, secret: bytes) -> bytes:
    magic = _exactly(source, len(_MAGIC))
    if magic != _MAGIC:
        raise Refused("backup_foreign", "cannot read the file: it is no backup")
    stanza, body, mac = (_line(source) for _ in range(3))
    if not stanza.startswith(_STANZA) or not mac.startswith(_MAC):
        raise Refused("backup_foreign", "cannot read the file: it is encrypted in another way than backups are")
    share, wrapped = _unbased(stanza.removeprefix(_STANZA), 32), _unbased(body, _FILE_KEY_BYTES + _TAG_BYTES)
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        wrapping = _wrapping_key(own.exchange(X25519PublicKey.from_public_bytes(share)), share, own.public_key())
        file_key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), wrapped, None)
    except (InvalidTag, ValueError) as error:
        raise Refused("backup_key_wrong", "cannot open the backup: it was made for another recovery key") from error
    text = _MAGIC + stanza + b"\n" + body + b"\n" + _MAC.rstrip()
    if not hmac.compare_digest(_header_mac(file_key, text), _unbased(mac.removeprefix(_MAC), 32)):
        raise damaged("its header was changed")
    return file_key


def _wrapping_key(shared: bytes, share: bytes, recipient: X25519PublicKey) -> bytes:
    return _derived(shared, share + recipient.public_bytes_raw(), _WRAP)


def _header_mac(file_key: bytes, text: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), text, hashlib.sha256)


def _derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, purpose).derive(secret)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _exactly(source: Source, size: int) -> bytes:
    """Return `size` bytes, fewer only at the end."""
    pieces = bytearray()
    try:
        while len(pieces) < size and (piece := source.read(size - len(pieces))):
            pieces += piece
    except OSError as error:
        raise InvalidInput("file_unreadable", f"cannot read the backup: {error.strerror}", field="file") from error
    return bytes(pieces)


def _line(source: Source) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        letter = _exactly(source, 1)
        if not letter or len(found) >= _LINE_BYTES_MAX:
            raise damaged("its header was changed or cut short")
        found += letter
    return bytes(found[:-1])


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unbased(text: bytes, size: int) -> bytes:
    """Return the bytes of unpadded base64 in its one canonical form."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise damaged("its header was changed") from error
    if len(data) != size or _base64(data) != text:
        raise damaged("its header was changed")
    return data
