"""Whether a request carries a key that the API signed; and for what."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from att.effects.signing_keys import PublicHalf
from att.kernel.signed_token import TokenInvalid, verify
from att.router.errors import BadKey
from att.router.keys import PURPOSE, PURPOSE_ADMIN

REMEMBERED_MAX = 1024


@dataclass(frozen=True)
class Bearer:
    """Whose key it is: a project's id, or a person's name; `admin` may configure providers.

    `uid` is the system user for whom alone it is good, None for everybody who has it.
    """

    name: str
    admin: bool
    expires: float
    uid: int | None = None


class Gate:
    """Checks keys with the public half at `path`, which is read again when it changes.

    A key that held is remembered until it expires or the public half changes: a signature costs more than an answer.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._public = PublicHalf(path)
        self._now = now
        self._known: OrderedDict[str, Bearer] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether there is a public half to check with."""
        self._look()
        return self._public.key is not None

    def bearer(self, authorization: str, uid: int | None = None) -> Bearer:
        """Return who sent this Authorization header; raises BadKey.

        `uid` is the user who connected, as the kernel says, None where it does not say. A project's key that got into
        the hands of another project is of no use there.
        """
        found = self._known_or_checked(authorization)
        if found.uid is not None and found.uid != uid:
            raise BadKey("cannot answer: this key is another project's")
        return found

    def _known_or_checked(self, authorization: str) -> Bearer:
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
        key = self._public.key
        if key is not None:
            for purpose in (PURPOSE, PURPOSE_ADMIN):
                try:
                    claims = verify(key, token, purpose=purpose, now=self._now())
                except TokenInvalid:
                    continue
                return _bearer(claims, admin=purpose == PURPOSE_ADMIN)
        raise BadKey("cannot answer: this key is unknown or has expired")

    def _look(self) -> None:
        if self._public.look():
            self._known.clear()


def _bearer(claims: Mapping[str, object], *, admin: bool) -> Bearer:
    name = claims.get("project") or claims.get("name") or ""
    expires = claims["exp"]
    uid = claims.get("uid")
    lasts = float(expires) if isinstance(expires, int | float) else 0.0
    return Bearer(str(name), admin, lasts, uid if isinstance(uid, int) else None)
