"""The health gate's own key: made anew at each start of the engine, private half in memory alone."""

import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from att.effects.filesystem import write_atomically
from att.kernel import signed_token

PUBLIC_KEY = "gate.pub"
TOKEN_SECONDS = 900.0


class GateKey:
    """Signs tokens that are good for health and canary alone; the API reads the public half in `keys`."""

    def __init__(self, keys: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._path = keys / PUBLIC_KEY
        self.publish()

    def publish(self) -> None:
        """Write the public half (again)."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(self._path, pem, mode=0o644)

    def token(self) -> str:
        """A fresh token of 15 minutes."""
        return signed_token.sign(self._key, {"purpose": "gate", "exp": int(time.time() + TOKEN_SECONDS)})
