"""Ed25519 keys in files: a private one made once, its public half published for those who check signatures."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from att.effects.filesystem import write_atomically
from att.kernel.errors import Failed

_Stamp = tuple[int, int, int] | None


def load_or_make(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file, made now if there is none; Failed(internal) where the file holds no such key.

    Nobody but its owner reads it, and only `renew` writes it again.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        write_atomically(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o400)
        return key
    try:
        loaded = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise Failed("internal", f"cannot read the key {path}: {error}") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise Failed("internal", f"cannot use the key {path}: it is no Ed25519 key")
    return loaded


def renew(path: Path) -> None:
    """Put another key in the place of the one in a file, with its owner and mode; who has loaded that keeps it."""
    found = path.stat()
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomically(path, pem, mode=found.st_mode & 0o777, owner=(found.st_uid, found.st_gid))


def signing_key(private: Path, public: Path) -> Ed25519PrivateKey:
    """Return the key at `private` as `load_or_make` does, and publish its public half at `public`."""
    key = load_or_make(private)
    publish(key, public)
    return key


def publish(key: Ed25519PrivateKey, path: Path) -> None:
    """Write the public half where everybody may read it."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_atomically(path, pem, mode=0o444)


class PublicHalf:
    """The public half at `path`, read again when the file changes; `key` is None while there is none that is usable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp = None
        self.key: Ed25519PublicKey | None = None

    def look(self) -> bool:
        """Read the file if it changed; whether it did."""
        stamp = self._found()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self.key = _public_key(self._path)
        return True

    def _found(self) -> _Stamp:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _public_key(path: Path) -> Ed25519PublicKey | None:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None
