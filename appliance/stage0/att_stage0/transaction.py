"""What the records of a journal say together: one transaction, its state, and the values it needs to go on or back.

Keys of a record's JSON (frozen; readers ignore what they do not know): `v` 1, `state`, `phase` (intent or done), `at`
(Unix seconds), `boot`, `monotonic`, `attempt`, `deadline` (monotonic seconds of `boot`, or null), `set` (values that
later records may replace). A record whose phase is `rollback_policy` says what was decided of a rollback: it brings
values and moves nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from att_stage0.journal import Record
from att_stage0.policy.decision import PHASE as POLICY_PHASE
from att_stage0.policy.decision import Context, context_of


class State(StrEnum):
    """Where a transaction stands."""

    IDLE = "IDLE"
    VERIFIED = "VERIFIED"
    STAGED = "STAGED"
    PREFLIGHT = "PREFLIGHT"
    SNAPSHOT = "SNAPSHOT"
    SWITCHED = "SWITCHED"
    RESTARTED = "RESTARTED"
    PROBATION = "PROBATION"
    COMMITTED = "COMMITTED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    FAILED_SAFE = "FAILED_SAFE"
    REFUSED = "REFUSED"


class Phase(StrEnum):
    """INTENT is written before the effects that lead to a state, DONE after them."""

    INTENT = "intent"
    DONE = "done"


TERMINAL = frozenset({State.COMMITTED, State.ROLLED_BACK, State.FAILED_SAFE, State.REFUSED})


@dataclass(frozen=True)
class Transaction:
    """One upgrade, rollback or repair as far as the journal knows it."""

    id: str
    state: State
    phase: Phase
    boot: str
    at: float
    attempt: int = 1
    deadline: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`upgrade`, `rollback` (asked for by an operator) or `repair`."""
        return self._text("kind") or "upgrade"

    @property
    def source(self) -> str:
        """The release to go back to."""
        return self._text("source")

    @property
    def target(self) -> str:
        """The release to go to; empty before the bundle is read."""
        return self._text("target")

    @property
    def digest(self) -> str:
        """sha256 of the target's metadata."""
        return self._text("digest")

    @property
    def former_previous(self) -> str:
        """Where `.previous` pointed before the switch; empty where it was absent."""
        return self._text("former_previous")

    @property
    def schema_class(self) -> str:
        """`none`, `additive` or `breaking`; what is not known counts as breaking."""
        found = self._text("schema_class")
        return found if found in ("none", "additive") else "breaking"

    @property
    def database_source(self) -> str:
        """Name of the database directory before."""
        return self._text("database_source")

    @property
    def database_target(self) -> str:
        """Name of the migrated copy, or the same directory where nothing was migrated."""
        return self._text("database_target") or self.database_source

    @property
    def invocation(self) -> str:
        """Systemd's id of the API process that served before the switch."""
        return self._text("invocation")

    @property
    def baseline_failing(self) -> tuple[str, ...]:
        """Checks that failed before and were accepted by an operator."""
        found = self.values.get("baseline_failing", [])
        return tuple(str(name) for name in found) if isinstance(found, list) else ()

    @property
    def failure(self) -> Mapping[str, Any]:
        """Why it rolls back: `class`, `code`, `detail`."""
        found = self.values.get("failure", {})
        return found if isinstance(found, dict) else {}

    @property
    def context(self) -> Context:
        """What the rollback policy takes this machine for."""
        return context_of(self.values.get("context"))

    @property
    def policy_recorded(self) -> bool:
        """Whether the journal says that the rollback policy was asked."""
        return "rollback_policy_status" in self.values

    @property
    def cleaned(self) -> bool:
        """Whether everything after the verdict is done too."""
        return bool(self.values.get("cleaned"))

    @property
    def finished(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state in TERMINAL and (self.state is not State.COMMITTED or self.cleaned)

    def number(self, name: str, default: float) -> float:
        """A value that is a number."""
        found = self.values.get(name)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else default

    def _text(self, name: str) -> str:
        found = self.values.get(name)
        return found if isinstance(found, str) else ""


def fold(records: Iterable[Record]) -> tuple[Transaction, ...]:
    """Every transaction of a journal, oldest first; records no version of this code can read are passed over."""
    found: dict[str, Transaction] = {}
    for record in records:
        body = record.body
        state, phase = str(body.get("state")), str(body.get("phase"))
        before = found.get(record.transaction)
        values = dict(before.values) if before else {}
        extra = body.get("set")
        values.update(extra if isinstance(extra, dict) else {})
        if phase == POLICY_PHASE and before is not None:
            found[record.transaction] = replace(before, values=values)
            continue
        if state not in State.__members__.values() or phase not in ("intent", "done"):
            continue
        found[record.transaction] = Transaction(
            id=record.transaction,
            state=State(state),
            phase=Phase(phase),
            boot=str(body.get("boot", "")),
            at=_number(body.get("at")) or 0.0,
            attempt=int(_number(body.get("attempt")) or 1),
            deadline=_number(body.get("deadline")),
            values=values,
        )
    return tuple(found.values())


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
