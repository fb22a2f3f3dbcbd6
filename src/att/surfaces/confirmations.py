"""One-time confirmation ids for operations that destroy: bound to operation, arguments and caller, ten minutes good."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from att.kernel.errors import ConfirmationRequired, Conflict
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Operation

SECONDS_GOOD = 600.0
OPEN_MAX = 1000


@dataclass(frozen=True)
class _Open:
    binding: str
    expires: float


class Confirmations:
    """The ids given out and not yet used; a restart forgets them, the caller then simply asks again."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[str, _Open] = {}

    def issue(self, operation: Operation, values: Mapping[str, Any], caller: Caller) -> str:
        """Return a new id for exactly this call."""
        self._forget_expired()
        while len(self._open) >= OPEN_MAX:
            self._open.pop(next(iter(self._open)))
        confirmation_id = new_id("confirm")
        self._open[confirmation_id] = _Open(_binding(operation, values, caller), self._now() + SECONDS_GOOD)
        return confirmation_id

    def demand(self, operation: Operation, values: Mapping[str, Any], caller: Caller) -> ConfirmationRequired:
        """Return the error that asks for a second call and carries the id for it."""
        return ConfirmationRequired(
            "confirmation_required",
            f"cannot do {operation.name} unasked: {operation.summary}",
            data={
                "confirmation_id": self.issue(operation, values, caller),
                "operation": operation.name,
                "seconds_good": int(SECONDS_GOOD),
            },
        )

    def take(self, confirmation_id: str, operation: Operation, values: Mapping[str, Any], caller: Caller) -> None:
        """Use up the id; Conflict("confirmation_wrong") when it is unknown, expired, or for another call."""
        self._forget_expired()
        found = self._open.get(confirmation_id)
        if found is None or found.binding != _binding(operation, values, caller):
            raise Conflict("confirmation_wrong", f"cannot do {operation.name}: the confirmation is not for this call")
        del self._open[confirmation_id]

    def _forget_expired(self) -> None:
        now = self._now()
        self._open = {key: entry for key, entry in self._open.items() if entry.expires > now}


def _binding(operation: Operation, values: Mapping[str, Any], caller: Caller) -> str:
    canonical = json.dumps([operation.name, values, caller.id, caller.token_id], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
