"""Decides which step of a transaction comes next, and which bundles are refused: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from att.release.schema import Metadata
from att.release.version import parse_version, satisfies
from att_stage0.transaction import Phase, State, Transaction


class Step(StrEnum):
    """What the engine does next. STOP: nothing more of this transaction."""

    VERIFY = "verify"
    STAGE = "stage"
    PREFLIGHT = "preflight"
    SNAPSHOT = "snapshot"
    SWITCH = "switch"
    RESTART = "restart"
    PROVE = "prove"
    COMMIT = "commit"
    CLEAN = "clean"
    ROLL_BACK = "roll_back"
    STOP = "stop"


_FORWARD = {
    State.VERIFIED: (Step.VERIFY, Step.STAGE),
    State.STAGED: (Step.STAGE, Step.PREFLIGHT),
    State.PREFLIGHT: (Step.PREFLIGHT, Step.SNAPSHOT),
    State.SNAPSHOT: (Step.SNAPSHOT, Step.SWITCH),
    State.SWITCHED: (Step.SWITCH, Step.RESTART),
    State.RESTARTED: (Step.RESTART, Step.PROVE),
    State.PROBATION: (Step.PROVE, Step.COMMIT),
}


def next_step(transaction: Transaction) -> Step:
    """Go on from a state: from its intent do its effects again, from its end do those of the next."""
    match transaction.state:
        case (
            State.VERIFIED
            | State.STAGED
            | State.PREFLIGHT
            | State.SNAPSHOT
            | State.SWITCHED
            | State.RESTARTED
            | State.PROBATION
        ):
            again, onward = _FORWARD[transaction.state]
            return again if transaction.phase is Phase.INTENT else onward
        case State.COMMITTED:
            return Step.STOP if transaction.cleaned else Step.CLEAN
        case State.ROLLING_BACK:
            return Step.ROLL_BACK
        case State.IDLE | State.ROLLED_BACK | State.FAILED_SAFE | State.REFUSED:
            return Step.STOP
        case _ as never:
            assert_never(never)


@dataclass(frozen=True)
class Machine:
    """What the appliance is, as far as a bundle must fit it."""

    current: str
    contract: int
    python: str
    stage0: int
    floor: str = ""
    installed: Mapping[str, str] | None = None
    """Digest of each complete release."""
    bad: tuple[tuple[str, str], ...] = ()
    """Version and digest of what rolled back before."""


@dataclass(frozen=True)
class Refusal:
    """Why not: a code of the kernel and a sentence."""

    code: str
    detail: str


def refusal(metadata: Metadata, digest: str, machine: Machine, *, force: bool) -> Refusal | None:
    """Say why this bundle is not taken on this machine, None when it is. `force` tries a bad version again."""
    version = metadata.version
    what = f"cannot upgrade to {version}"
    installed = (machine.installed or {}).get(version)
    if installed is not None and installed != digest:
        return Refusal("version_same", f"{what}: it is installed with other content")
    if machine.floor and parse_version(version) < parse_version(machine.floor):
        return Refusal("version_floor", f"{what}: the security floor is {machine.floor}")
    needs = metadata.requires
    if needs.contract > machine.contract or needs.stage0 > machine.stage0 or needs.python != machine.python:
        asked = f"contract {needs.contract}, stage0 {needs.stage0}, Python {needs.python}"
        return Refusal("image_too_old", f"{what}: new image needed, it asks for {asked}")
    if not force and (version, digest) in machine.bad:
        return Refusal("version_bad", f"{what}: it was rolled back before")
    if version != machine.current and not satisfies(machine.current.removesuffix("+dev"), metadata.from_versions):
        accepted = ", ".join(metadata.from_versions) or "nothing"
        return Refusal("from_version", f"{what} from {machine.current}: it accepts {accepted}")
    return None


OWN_FAULTS = frozenset({"migration_failed"})
"""Refusals that are the new release's own fault and cost a fence: the version is remembered as bad."""


@dataclass(frozen=True)
class Schema:
    """A database's schema version and the oldest code that may read it."""

    version: int
    min_reader: int


def schema_refusal(code_version: int, database: Schema, release: str) -> Refusal | None:
    """Say why a release whose code writes schema `code_version` cannot take this database, None when it can."""
    if database.min_reader > code_version:
        asked = f"it needs a reader of schema {database.min_reader}, {release} reads {code_version}"
        return Refusal("schema_too_new", f"cannot use the database with {release}: {asked}")
    return None


SPACE_FACTOR = 2
SPACE_MARGIN_BYTES = 64 * 1024 * 1024
INODE_MARGIN = 1_000


@dataclass(frozen=True)
class Space:
    """Room on one file system: bytes and inodes that are free (None: no limit), and what the upgrade needs of each."""

    where: str
    free_bytes: int
    free_inodes: int | None
    need_bytes: int
    need_inodes: int


def space_refusal(space: Space) -> Refusal | None:
    """Demand twice the room that is needed, so that the way back has room too."""
    need = SPACE_FACTOR * space.need_bytes + SPACE_MARGIN_BYTES
    if space.free_bytes < need:
        return Refusal(
            "disk_full", f"cannot upgrade: {space.where} has {space.free_bytes} bytes free, {need} are needed"
        )
    inodes = SPACE_FACTOR * space.need_inodes + INODE_MARGIN
    if space.free_inodes is not None and space.free_inodes < inodes:
        return Refusal(
            "disk_inodes", f"cannot upgrade: {space.where} has {space.free_inodes} inodes free, {inodes} are needed"
        )
    return None
