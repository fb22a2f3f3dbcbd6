"""Random secrets and their stored form: API tokens `att_…`, session cookies `atts_…`, both 256 bits."""

import hashlib
import re
import secrets

TOKEN_PREFIX = "att_"  # noqa: S105 - a prefix, no secret
SESSION_PREFIX = "atts_"
_SECRET = re.compile(r"atts?_[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """Return a fresh API token: `att_` and 43 base64url characters."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_session() -> str:
    """Return a fresh session secret: `atts_` and 43 base64url characters."""
    return SESSION_PREFIX + secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether `text` has the form of an API token."""
    return text.startswith(TOKEN_PREFIX) and _SECRET.fullmatch(text) is not None


def is_session(text: str) -> bool:
    """Whether `text` has the form of a session secret."""
    return text.startswith(SESSION_PREFIX) and _SECRET.fullmatch(text) is not None


def digest(secret: str) -> str:
    """Return what is stored of a random secret: its SHA-256 in hex. No salt: 256 random bits need none."""
    return hashlib.sha256(secret.encode()).hexdigest()


def normal_claim_code(text: str) -> str:
    """Return a typed claim code as it is hashed: upper case, without dashes and spaces."""
    return "".join(text.split()).replace("-", "").upper()
