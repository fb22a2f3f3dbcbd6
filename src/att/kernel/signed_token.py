"""Short-lived tokens signed with Ed25519: the launcher's local login and the upgrade engine's health gate.

Form: `att1.<claims>.<signature>`, both parts base64url without padding; the signature covers `att1.<claims>`.
Claims are JSON: `purpose`, `exp` (Unix seconds) and whatever the purpose needs.
"""

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PREFIX = "att1."
_TOKEN_CHARS_MAX = 4096


class TokenInvalid(ValueError):
    """The token is malformed, expired, for another purpose, or signed by another key."""


def sign(key: Ed25519PrivateKey, claims: dict[str, Any]) -> str:
    """Return the token that carries `claims`, which must hold `purpose` and `exp`."""
    body = PREFIX + _encode(json.dumps(claims, separators=(",", ":"), sort_keys=True).encode())
    return body + "." + _encode(key.sign(body.encode()))


def verify(key: Ed25519PublicKey, token: str, *, purpose: str, now: float) -> dict[str, Any]:
    """Return the claims of a token that `key` signed for `purpose` and that has not expired at `now`, else raise."""
    if not token.startswith(PREFIX) or len(token) > _TOKEN_CHARS_MAX:
        raise TokenInvalid("not a signed token")
    body, _, signature = token.rpartition(".")
    try:
        key.verify(_decode(signature), body.encode())
        claims = json.loads(_decode(body.removeprefix(PREFIX)))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise TokenInvalid("signature does not hold") from error
    if not isinstance(claims, dict) or claims.get("purpose") != purpose:
        raise TokenInvalid("made for another purpose")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= now:
        raise TokenInvalid("expired")
    return claims


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
