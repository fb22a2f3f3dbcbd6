"""The API's key for the router: made once in its state, its public half published, tokens signed with it."""

import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from att.effects.signing_keys import signing_key
from att.kernel.signed_token import sign

PURPOSE = "router"
PURPOSE_ADMIN = "router-admin"
KEY_FILE = "router-signing.key"
PUBLIC_FOLDER = "api"
PUBLIC_FILE = "router.pub"
PROJECT_SECONDS = 366 * 86_400
ADMIN_SECONDS = 120


def public_file(run: Path) -> Path:
    """Where below the run-time directory the public half lies: in a folder of the API's own."""
    return run / PUBLIC_FOLDER / PUBLIC_FILE


class RouterKeys:
    """Signs keys; `now` is Unix seconds."""

    def __init__(self, key: Ed25519PrivateKey, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now

    @classmethod
    def load(cls, state: Path, run: Path) -> "RouterKeys":
        """Return the keys of the API's state, made now if there are none, and publish the public half.

        Raises Failed(internal) where the file is there and holds no such key.
        """
        return cls(signing_key(state / KEY_FILE, public_file(run)))

    def for_project(self, project_id: str, uid: int | None = None) -> str:
        """Return a key for the apps and tests of a project, good for a year, and for the user `uid` alone.

        Without one (`make dev`, where everything runs as the developer) it is good for everybody who has it.
        """
        bound = {} if uid is None else {"uid": uid}
        return self._sign(PURPOSE, PROJECT_SECONDS, project=project_id, **bound)

    def for_person(self, name: str, days: int) -> str:
        """Return a key for a person or a program outside, good for so many days."""
        return self._sign(PURPOSE, days * 86_400, name=name)

    def for_admin(self) -> str:
        """Return a key that configures the router, good for two minutes."""
        return self._sign(PURPOSE_ADMIN, ADMIN_SECONDS, name="api")

    def _sign(self, purpose: str, seconds: int, **claims: str | int) -> str:
        return sign(self._key, {"purpose": purpose, "exp": int(self._now()) + seconds, **claims})
