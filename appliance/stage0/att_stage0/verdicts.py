"""What recovery looks at and what it can be told to do: values alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from att_stage0.policy.decision import Decision


class Actor(StrEnum):
    """Who asks. BOOT runs before all services, WATCHDOG each 30 s, ENGINE at its start, OPERATOR by command."""

    BOOT = "boot"
    WATCHDOG = "watchdog"
    ENGINE = "engine"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Database:
    """One database directory: its schema, the oldest reader it tolerates, the directory it was copied from."""

    version: int
    min_reader: int
    origin: str = ""


@dataclass(frozen=True)
class Links:
    """What the disk says. `releases` maps each complete release to its schema version (None: not known).

    `floor` is the lowest version that may run, empty where none is set.
    """

    current: str | None
    previous: str | None
    database: str | None
    releases: Mapping[str, int | None] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    floor: str = ""


@dataclass(frozen=True)
class Moment:
    """Now: deadlines count only within their boot. `invocation` is systemd's id of the API process, empty: none."""

    boot: str
    monotonic: float
    invocation: str = ""


@dataclass(frozen=True)
class Nothing:
    """The machine is as the journal says."""


@dataclass(frozen=True)
class Wait:
    """An engine within its deadline owns the transaction."""

    until: float | None


@dataclass(frozen=True)
class DropStaging:
    """Nothing was switched: forget the transaction and what it unpacked or copied."""


@dataclass(frozen=True)
class Reenter:
    """The target runs and has to prove itself (again)."""

    attempt: int


@dataclass(frozen=True)
class RollBack:
    """Go back to the source. `policy` is what allowed it, None where the journal has it already."""

    attempt: int
    failure_class: str
    detail: str
    restores_database: bool
    policy: Decision | None = None


@dataclass(frozen=True)
class Denied:
    """The policy forbids to go back to the source: people are needed."""

    failure_class: str
    detail: str
    policy: Decision


@dataclass(frozen=True)
class FinishCommit:
    """It was committed: only cleaning up is left."""


@dataclass(frozen=True)
class Repoint:
    """No transaction speaks for the links, and they do not fit: the newest pair that does."""

    release: str
    database: str | None


@dataclass(frozen=True)
class StaySafe:
    """Change nothing more: people are needed."""

    detail: str


Recovery = Nothing | Wait | DropStaging | Reenter | RollBack | Denied | FinishCommit | Repoint | StaySafe
