"""Local login: who may have a token at the SSH door, and the key that signs it.

The private half stays in the launcher's own state; the API reads the public half at each check.
"""

import grp
import pwd
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from att.effects import signing_keys
from att.kernel.errors import Forbidden
from att.kernel.signed_token import sign
from att.runtime.decision import Person, refusal

PURPOSE = "local"
TOKEN_SECONDS = 300
KEY_FILE = "local.key"
PUBLIC_FILE = "local.pub"


class LocalLogin:
    """Signs five-minute admin tokens for operators; `person` looks a uid up, `now` is Unix seconds."""

    def __init__(
        self, key: Ed25519PrivateKey, *, person: Callable[[int], Person | None], now: Callable[[], float]
    ) -> None:
        self._key = key
        self._person = person
        self._now = now

    def token(self, uid: int) -> dict[str, object]:
        """Return {"token", "expires"} for the peer `uid`; Forbidden(not_allowed) for whoever is no operator."""
        person = self._person(uid)
        reason = refusal(person)
        if person is None or reason:
            raise Forbidden("not_allowed", f"cannot log in at the local door: {reason}")
        expires = int(self._now()) + TOKEN_SECONDS
        claims = {"purpose": PURPOSE, "exp": expires, "uid": uid, "name": person.name, "role": "admin"}
        return {"token": sign(self._key, claims), "expires": expires}


def load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key in `folder`, made now if there is none; Failed when what is there is no such key."""
    return signing_keys.load_or_make(folder / KEY_FILE)


def publish(key: Ed25519PrivateKey, keys: Path) -> None:
    """Write the public half to `keys`, where the API looks."""
    signing_keys.publish(key, keys / PUBLIC_FILE)


def person_of_machine(uid: int) -> Person | None:
    """Look a uid up in the machine's user and group database; None when it is not there."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    groups = {
        group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem or group.gr_gid == entry.pw_gid
    }
    return Person(uid=uid, name=entry.pw_name, groups=frozenset(groups))
