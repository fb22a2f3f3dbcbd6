"""Callers that come with a signed token: an operator at the SSH door, the upgrade engine's health gate."""

from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from att.kernel.operation import Caller, Role
from att.kernel.signed_token import PREFIX, TokenInvalid, verify

GATE_KIND = "gate"
LOCAL_KEY = "local.pub"
GATE_KEY = "gate.pub"
_ROLES = {role.name.lower(): role for role in Role}


def is_signed(token: str) -> bool:
    """Whether `token` has the form of a signed one."""
    return token.startswith(PREFIX)


def signed_caller(keys: Path, token: str, now: float) -> Caller | None:
    """Return who was given `token`, or None. The public keys in `keys` are read each time: they change at boot."""
    claims = _claims(keys / LOCAL_KEY, token, "local", now)
    if claims is not None:
        return _local(claims)
    if _claims(keys / GATE_KEY, token, "gate", now) is not None:
        return Caller(id="gate", name="health gate", role=Role.ANYONE, kind=GATE_KIND)
    return None


def _claims(path: Path, token: str, purpose: str, now: float) -> dict[str, Any] | None:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, Ed25519PublicKey):
        return None
    try:
        return verify(key, token, purpose=purpose, now=now)
    except TokenInvalid:
        return None


def _local(claims: dict[str, Any]) -> Caller | None:
    uid, name, role = claims.get("uid"), claims.get("name"), _ROLES.get(str(claims.get("role")))
    if not isinstance(uid, int) or not isinstance(name, str) or not name or role is None:
        return None
    return Caller(id=f"local:{uid}", name=name, role=role, door="ssh")
