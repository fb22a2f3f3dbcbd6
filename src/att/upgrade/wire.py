"""The engine's protocol: one JSON line asks, JSON lines answer; who may ask what. Pure but for the descriptors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from att.kernel.errors import InvalidInput

LINE_BYTES_MAX = 1_048_576
REQUEST_ID_CHARS_MAX = 128

READING = frozenset(
    {
        "status", "plan", "show", "watch", "history", "releases", "secrets_check", "audit", "config_read",
        "bootstrap_status",
    }
)  # fmt: skip
CHANGING = frozenset(
    {
        "apply", "rollback", "repair", "config_apply", "reset_admin", "sweep", "prepare", "bootstrap_propose",
        "bootstrap_withdraw", "bootstrap_release", "bootstrap_approve", "bootstrap_deny", "bootstrap_pause",
        "bootstrap_resume",
    }
)  # fmt: skip
VERBS = READING | CHANGING
WITH_FILE = frozenset({"plan", "apply", "bootstrap_propose", "bootstrap_release"})

API_VERBS = frozenset(
    {
        "status", "plan", "apply", "show", "watch", "history", "rollback", "repair", "releases", "secrets_check",
        "audit", "config_apply", "bootstrap_status", "bootstrap_propose", "bootstrap_withdraw", "bootstrap_release",
    }
)  # fmt: skip
API_ONLY_VERBS = frozenset({"bootstrap_propose", "bootstrap_withdraw", "bootstrap_release"})
"""What the API asks for and operators say yes to: nobody does both. Root may propose."""


@dataclass(frozen=True)
class Peer:
    """Who is at the other end: root, a member of att-operators, the API, or somebody else."""

    uid: int
    name: str
    operator: bool
    api: bool

    @property
    def door(self) -> str:
        """`ssh` for operators: what settings marked so are taken from. The API is none, whatever group it is in."""
        return "ssh" if self.operator and not self.api else "api"

    @property
    def told(self) -> str:
        """How the journal and the audit log name this peer."""
        return f"{self.name}(uid {self.uid})"


def allowed(peer: Peer, verb: str) -> bool:
    """The table verb × peer."""
    if peer.api:
        return verb in API_VERBS
    if verb in API_ONLY_VERBS:
        return peer.uid == 0 and verb == "bootstrap_propose"
    return peer.operator and verb in VERBS


@dataclass(frozen=True)
class Ask:
    """One request."""

    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""

    def text(self, name: str) -> str | None:
        """An argument that is a string, None where it is absent."""
        return self._of(name, str)

    def flag(self, name: str) -> bool:
        """An argument that is a boolean, False where it is absent."""
        return bool(self._of(name, bool))

    def count(self, name: str, default: int, most: int) -> int:
        """An argument that counts, between 1 and `most`."""
        found = self._of(name, int)
        if isinstance(found, bool) or (found is not None and not 1 <= found <= most):
            raise InvalidInput("invalid_input", f"cannot take {name}: 1 to {most} is meant", field=name)
        return default if found is None else found

    def _of[T](self, name: str, kind: type[T]) -> T | None:
        found = self.args.get(name)
        if found is not None and not isinstance(found, kind):
            raise InvalidInput("invalid_input", f"cannot take {name}: {kind.__name__} is meant", field=name)
        return found


def read_ask(line: bytes) -> Ask:
    """Parse one request line; InvalidInput names what does not fit."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("invalid_input", "cannot read the request: it is no JSON", field="") from error
    if not isinstance(found, dict) or set(found) - {"verb", "args", "request_id"}:
        raise InvalidInput("invalid_input", "cannot read the request: verb, args and request_id are meant", field="")
    verb, args, request_id = found.get("verb"), found.get("args") or {}, found.get("request_id") or ""
    if not isinstance(verb, str) or verb not in VERBS:
        raise InvalidInput("invalid_input", f"cannot do {str(verb)[:64]}: no such verb", field="verb")
    if not isinstance(args, dict) or not isinstance(request_id, str) or len(request_id) > REQUEST_ID_CHARS_MAX:
        raise InvalidInput("invalid_input", "cannot read the request: args is an object", field="args")
    return Ask(verb, args, request_id)


def line_of(kind: str, value: Any) -> bytes:
    """One answer line: `event`, `result` or `error`."""
    return json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def there(fd: int | None) -> int:
    """Return the descriptor that came with a request; InvalidInput(bundle_unreadable) where none did."""
    if fd is None:
        raise InvalidInput("bundle_unreadable", "cannot read the file: none came with the request", field="upload")
    return fd
