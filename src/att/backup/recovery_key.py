"""The recovery key: made once, kept for root alone, and the one thing besides a backup that a restore needs."""

import fcntl
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from att.backup import age
from att.backup.schema import Statement
from att.effects.filesystem import write_atomically
from att.kernel.errors import InvalidInput, NotFound, Refused

FILE = "backup-key"
"""In the folder of secrets."""
_SECRET_BYTES = 32
_BYTES_MAX = 4096
_SEAL = b"att backup 1: seal"
_SIGNED = b"att backup 1: signature\n"


@dataclass(frozen=True, repr=False)
class RecoveryKey:
    """An age identity; `text` is what a person keeps."""

    secret: bytes

    @property
    def text(self) -> str:
        """The private half: AGE-SECRET-KEY-1…"""
        return age.identity_text(self.secret)

    @property
    def recipient(self) -> str:
        """The public half: age1…"""
        return age.recipient_text(self.secret)


def load_or_make(secrets: Path) -> RecoveryKey:
    """Return the key of this appliance, made now if there is none: one, however many ask for it at once."""
    path = secrets / FILE
    if not path.exists():
        folder = os.open(secrets, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not path.exists():
                key = RecoveryKey(os.urandom(_SECRET_BYTES))
                write_atomically(path, file_text(key).encode(), mode=0o400)
        finally:
            os.close(folder)
    return load(path)


def load(path: Path) -> RecoveryKey:
    """Return the key in a file; NotFound(backup_key_missing), InvalidInput(backup_key_invalid)."""
    try:
        with path.open("rb") as file:
            return parsed(file.read(_BYTES_MAX).decode("ascii", errors="replace"), str(path))
    except FileNotFoundError as error:
        raise NotFound("backup_key_missing", f"cannot read the recovery key: there is no {path}") from error
    except OSError as error:
        raise InvalidInput("file_unreadable", f"cannot read {path}: {error.strerror}", field="key-file") from error


def parsed(text: str, where: str) -> RecoveryKey:
    """Return the key of a text: one line beside empty ones and comments. No error repeats what it holds."""
    lines = [line.strip() for line in text.splitlines()]
    held = [line for line in lines if line and not line.startswith("#")]
    if len(held) != 1:
        raise InvalidInput("backup_key_invalid", f"cannot use {where}: it holds {len(held)} keys", field="key-file")
    try:
        return RecoveryKey(age.identity_of(held[0]))
    except ValueError as error:
        raise InvalidInput("backup_key_invalid", f"cannot use {where}: {error}", field="key-file") from error


def file_text(key: RecoveryKey) -> str:
    """Return the file that `age --identity` and `--key-file` take."""
    return f"# Recovery key of ATT backups; whoever has it can read them.\n# public key: {key.recipient}\n{key.text}\n"


def statement(digest: str, signer: Ed25519PrivateKey, key: RecoveryKey) -> Statement:
    """Return what vouches for the members with that digest."""
    public = signer.public_key().public_bytes_raw()
    return Statement(
        digest=digest,
        key=public.hex(),
        signature=signer.sign(_SIGNED + bytes.fromhex(digest)).hex(),
        seal=_seal(key, bytes.fromhex(digest) + public).hex(),
    )


def check(told: Statement, digest: str, key: RecoveryKey) -> str:
    """Return the id of the appliance's key that signed; Refused(backup_origin) unless signature and seal hold."""
    public = bytes.fromhex(told.key)
    if told.digest != digest:
        raise Refused("backup_origin", "cannot trust the backup: its signature is that of another one")
    if not hmac.compare_digest(_seal(key, bytes.fromhex(digest) + public), bytes.fromhex(told.seal)):
        raise Refused("backup_origin", "cannot trust the backup: who made it did not know the recovery key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            bytes.fromhex(told.signature), _SIGNED + bytes.fromhex(digest)
        )
    except InvalidSignature as error:
        raise Refused("backup_origin", "cannot trust the backup: its signature does not hold") from error
    return hashlib.sha256(public).hexdigest()


def _seal(key: RecoveryKey, data: bytes) -> bytes:
    return hmac.digest(HKDF(SHA256(), 32, b"", _SEAL).derive(key.secret), data, hashlib.sha256)
