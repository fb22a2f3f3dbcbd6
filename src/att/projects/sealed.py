"""Secrets at rest: sealed with one key of the machine, each bound to the place where it belongs.

A sealed value that is moved to another row, or whose secret flag is turned, does not open.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from att.effects.filesystem import write_atomically
from att.kernel.errors import Failed, Unavailable

KEY_FILE = "sealing-key"
KEY_BYTES = 32
_FORM = b"\x01"
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens texts with the key in a file, which is read at the first use."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._cipher: ChaCha20Poly1305 | None = None

    def seal(self, text: str, *belongs: str) -> bytes:
        """Return `text` sealed for the place that `belongs` names. Raises Unavailable(sealing_key_missing)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._key().encrypt(nonce, text.encode(), _bound(belongs))

    def open(self, sealed: bytes, *belongs: str) -> str:
        """Return the text; Failed(sealed_broken) when it is not what was sealed for this place with this key."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _FORM or len(nonce) != _NONCE_BYTES:
            raise _broken(belongs)
        try:
            return self._key().decrypt(nonce, text, _bound(belongs)).decode()
        except InvalidTag as error:
            raise _broken(belongs) from error

    def _key(self) -> ChaCha20Poly1305:
        if self._cipher is None:
            self._cipher = ChaCha20Poly1305(_read(self._key_file))
        return self._cipher


def key_file(secrets_folder: Path, environment: Mapping[str, str]) -> Path:
    """Return where the key lies: the credential that systemd gives the service, else the folder of secrets."""
    given = environment.get("CREDENTIALS_DIRECTORY")
    return Path(given or secrets_folder) / KEY_FILE


def make_key(secrets_folder: Path) -> None:
    """Make the key once, readable by its owner alone; on the appliance the first boot does it."""
    path = secrets_folder / KEY_FILE
    if not path.exists():
        write_atomically(path, secrets.token_bytes(KEY_BYTES), mode=0o600)


def _read(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            key = os.read(fd, KEY_BYTES + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise Unavailable("sealing_key_missing", f"cannot use secrets: {path.name}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise Unavailable("sealing_key_missing", f"cannot use secrets: {path.name} is no key")
    return key


def _bound(belongs: tuple[str, ...]) -> bytes:
    """The length before each part keeps ("a", "bc") and ("ab", "c") apart."""
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in belongs)


def _broken(belongs: tuple[str, ...]) -> Failed:
    return Failed("sealed_broken", f"cannot open the secret {belongs[-1][:64]}: it was not sealed here with this key")
