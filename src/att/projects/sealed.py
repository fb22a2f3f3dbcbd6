"""Secrets at rest: sealed with one key of the machine, each bound to the place where it belongs.

A sealed value that is moved to another row, or whose secret flag is turned, does not open.
"""

import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from att.effects import sealing_keys
from att.kernel.errors import Failed, Unavailable

KEY_FILE = sealing_keys.PROJECTS_FILE
_FORM = b"\x01"
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens texts with the keys in a file (see `sealing_keys`), which is read at the first use."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._ciphers: tuple[ChaCha20Poly1305, ...] = ()

    def seal(self, text: str, *belongs: str) -> bytes:
        """Return `text` sealed for the place that `belongs` names. Raises Unavailable(sealing_key_missing)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._keys()[0].encrypt(nonce, text.encode(), _bound(belongs))

    def open(self, sealed: bytes, *belongs: str) -> str:
        """Return the text; Failed(sealed_broken) when it is not what was sealed for this place with such a key."""
        return self._opened(sealed, belongs)[0]

    def renewed(self, sealed: bytes, *belongs: str) -> bytes | None:
        """Return it sealed with the present key, None where it is already; raises what `open` raises."""
        text, key = self._opened(sealed, belongs)
        return self.seal(text, *belongs) if key else None

    def _opened(self, sealed: bytes, belongs: tuple[str, ...]) -> tuple[str, int]:
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] == _FORM and len(nonce) == _NONCE_BYTES:
            for number, cipher in enumerate(self._keys()):
                with contextlib.suppress(InvalidTag):
                    return cipher.decrypt(nonce, text, _bound(belongs)).decode(), number
        raise _broken(belongs)

    def _keys(self) -> tuple[ChaCha20Poly1305, ...]:
        if not self._ciphers:
            self._ciphers = tuple(map(ChaCha20Poly1305, _read(self._key_file)))
        return self._ciphers


def key_file(secrets_folder: Path, environment: Mapping[str, str]) -> Path:
    """Return where the key lies: the credential that systemd gives the service, else the folder of secrets."""
    given = environment.get("CREDENTIALS_DIRECTORY")
    return Path(given or secrets_folder) / KEY_FILE


def make_key(secrets_folder: Path) -> None:
    """Make the key once, readable by its owner alone; on the appliance the first boot does it."""
    sealing_keys.make(secrets_folder / KEY_FILE, mode=0o600)


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        return sealing_keys.read(path)
    except OSError as error:
        raise Unavailable("sealing_key_missing", f"cannot use secrets: {path.name}: {error.strerror}") from error
    except sealing_keys.NoKey as error:
        raise Unavailable("sealing_key_missing", f"cannot use secrets: {error}") from error


def _bound(belongs: tuple[str, ...]) -> bytes:
    """The length before each part keeps ("a", "bc") and ("ab", "c") apart."""
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in belongs)


def _broken(belongs: tuple[str, ...]) -> Failed:
    return Failed("sealed_broken", f"cannot open the secret {belongs[-1][:64]}: it was not sealed here with this key")
