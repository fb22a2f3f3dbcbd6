"""Ids: a prefix that says what it names, then 80 random bits in lower-case base32 without look-alikes."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return e.g. `job_4t0q9zv7m3c8x1ka`."""
    return prefix + "_" + "".join(_ALPHABET[byte % 32] for byte in secrets.token_bytes(16))
