"""Grants: the API's signed word on which project a connection to the way out belongs to.

A grant names the project and the system user of its slot. Another user who sends it is refused, so code in a sandbox
can show its own project's grant and no other; what the project may reach the grant does not say, the policy does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from att.effects.signing_keys import PublicHalf, signing_key
from att.egress.decision import Client
from att.kernel.signed_token import TokenInvalid, sign, verify

PURPOSE = "egress"
KEY_FILE = "egress-signing.key"
PUBLIC_FOLDER = "api"
PUBLIC_FILE = "egress.pub"
LONG_SECONDS = 366 * 86_400.0
MARGIN_SECONDS = 300.0


class GrantInvalid(Exception):
    """The grant is unknown, has expired, or belongs to another user."""


@dataclass(frozen=True)
class Granted:
    """Whose connection it is, and until when."""

    client: Client
    expires: float


def public_file(run: Path) -> Path:
    """Where below the run-time directory the public half lies: in a folder of the API's own."""
    return run / PUBLIC_FOLDER / PUBLIC_FILE


class Grants:
    """Signs grants; `now` is Unix seconds."""

    def __init__(self, key: Ed25519PrivateKey, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now

    @classmethod
    def load(cls, state: Path, run: Path) -> "Grants":
        """Return the grants of the API's state, their key made now if there is none, and publish its public half.

        Raises Failed(internal) where the file is there and holds no such key.
        """
        return cls(signing_key(state / KEY_FILE, public_file(run)))

    def grant(self, client: Client, uid: int, seconds: float | None) -> str:
        """Return a grant for what runs as `uid`: a task's is good for its `seconds` and a little, an app's a year."""
        lasts = LONG_SECONDS if seconds is None else seconds + MARGIN_SECONDS
        claims = {"project": client.project_id, "slug": client.slug, "uid": uid}
        return sign(self._key, {"purpose": PURPOSE, "exp": int(self._now() + lasts), **claims})


class GrantGate:
    """Checks grants with the public half at `path`, which is read again when it changes."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._public = PublicHalf(path)
        self._now = now

    def granted(self, grant: str, uid: int) -> Granted:
        """Return whose grant it is that the user `uid` sent; raises GrantInvalid."""
        self._public.look()
        if self._public.key is None:
            raise GrantInvalid("there is no key to check it with yet")
        try:
            claims = verify(self._public.key, grant, purpose=PURPOSE, now=self._now())
            found = Granted(Client(str(claims["project"]), str(claims["slug"])), float(claims["exp"]))
            owner = int(claims["uid"])
        except (TokenInvalid, KeyError) as error:
            raise GrantInvalid(str(error)) from error
        if owner != uid:
            raise GrantInvalid("it is another user's")
        return found

    def holds(self, granted: Granted) -> bool:
        """Whether a grant that was taken has not expired since."""
        return granted.expires > self._now()
