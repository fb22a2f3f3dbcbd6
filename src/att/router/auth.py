"""Whether a request carries a key that the API signed; and for what."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from att.kernel.signed_token import TokenInvalid, verify
from att.router.errors import BadKey
from att.router.keys import PURPOSE, PURPOSE_ADMIN

REMEMBERED_MAX = 1024
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Bearer:
    """Whose key it is: a project's id, or a person's name; `admin` may configure providers."""

    name: str
    admin: bool
    expires: float


class Gate:
    """Checks keys with the public half at `path`, which is read again when it changes.

    A key that held is remembered until it expires or the public half changes: a signature costs more than an answer.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._stamp: _Stamp = None
        self._key: Ed25519PublicKey | None = None
        self._known: OrderedDict[str, Bearer] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether there is a public half to check with."""
        self._look()
        return self._key is not None

    def bearer(self, authorization: str) -> Bearer:
        """Return who sent this Authorization header; raises BadKey."""
        self._look()
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise BadKey("cannot answer: no key, send `Authorization: Bearer <key>`")
        known = self._known.get(token)
        if known is not None and known.expires > self._now():
            self._known.move_to_end(token)
            return known
        found = self._check(token)
        self._known[token] = found
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return found

    def _check(self, token: str) -> Bearer:
        if self._key is not None:
            for purpose in (PURPOSE, PURPOSE_ADMIN):
                try:
                    claims = verify(self._key, token, purpose=purpose, now=self._now())
                except TokenInvalid:
                    continue
                return _bearer(claims, admin=purpose == PURPOSE_ADMIN)
        raise BadKey("cannot answer: this key is unknown or has expired")

    def _look(self) -> None:
        stamp = self._found()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._known.clear()
        self._key = _public_key(self._path)

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


def _bearer(claims: Mapping[str, object], *, admin: bool) -> Bearer:
    name = claims.get("project") or claims.get("name") or ""
    expires = claims["exp"]
    return Bearer(str(name), admin, float(expires) if isinstance(expires, int | float) else 0.0)
