"""What may be restored, which rename of a switch is next, when a backup is due, which are kept. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from att.backup.schema import Manifest
from att.release.version import parse_version

Schedule = Literal["off", "daily", "weekly"]
SUFFIX = ".attbk"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"att-backup-([a-z0-9-]{1,64})-(\d{8}T\d{6}Z)\.attbk")
_NAME_CHARS_MAX = 32
_KEY_CHARS = 8
# The timer fires once a day, not at the same second.
_SLACK = timedelta(hours=6)
_PERIODS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


@dataclass(frozen=True)
class Refusal:
    """Why something is not done: a code of the error tree and the sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class Here:
    """The appliance that shall take a backup in."""

    product: str
    release: str
    schema_version: int


def refusal(manifest: Manifest, here: Here) -> Refusal | None:
    """Return why this appliance cannot take the backup in, None when it can."""
    if manifest.product != here.product:
        return Refusal("backup_foreign", f"cannot restore: the backup is of {manifest.product!r}, this is not")
    if _older(here.release, manifest.release):
        return Refusal(
            "backup_too_new", f"cannot restore: the backup is of release {manifest.release}, this is {here.release}"
        )
    if manifest.min_reader > here.schema_version:
        return Refusal(
            "backup_too_new",
            f"cannot restore: the backup needs schema {manifest.min_reader}, this release has {here.schema_version}",
        )
    return None


def _older(one: str, other: str) -> bool:
    try:
        return parse_version(one) < parse_version(other)
    except ValueError:
        return one != other


def higher(one: str, other: str) -> str:
    """Return the higher of two security floors; an empty one is none."""
    if not one or not other:
        return one or other
    return other if _older(one, other) else one


def appliance_name(host: str, keyid: str) -> str:
    """Return what an appliance is called in the names of its backups."""
    plain = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:_NAME_CHARS_MAX].strip("-")
    return f"{plain or 'appliance'}-{keyid[:_KEY_CHARS]}"


def file_prefix(appliance: str) -> str:
    """Return what the names of that appliance's backups begin with."""
    return f"att-backup-{appliance}-"


def file_name(appliance: str, made: datetime) -> str:
    """Return the name of a backup made at that time (UTC)."""
    return f"{file_prefix(appliance)}{made.astimezone(UTC).strftime(_STAMP)}{SUFFIX}"


def stamp_of(name: str) -> str:
    """Return the time in a backup's name, which sorts as it passed; empty for a file that got another name."""
    found = _NAME.fullmatch(name)
    return found[2] if found else ""


def surplus(names: Collection[str], appliance: str, keep: int) -> list[str]:
    """Return which of the files in a folder go: those of this appliance but the newest `keep`. Others never go."""
    known = ((found[2], found[0]) for name in names if (found := _NAME.fullmatch(name)) and found[1] == appliance)
    newest = sorted(known, reverse=True)
    return [name for _, name in newest[keep:]]


def due(schedule: Schedule, last: datetime | None, now: datetime) -> str:
    """Return why no scheduled backup is due, empty when one is; `last` is when the last good one was made."""
    if schedule == "off":
        return "backup.schedule is off"
    if last is not None and last <= now < last + _PERIODS[schedule] - _SLACK:
        return f"the last one was made at {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return ""


class Step(StrEnum):
    """One rename of a switch."""

    DISPLACE = "displace"
    """What is live goes aside."""
    PLACE = "place"
    """What was restored becomes live."""
    WITHDRAW = "withdraw"
    """What was restored leaves its place."""
    RETURN = "return"
    """What was live before comes back."""


@dataclass(frozen=True)
class Seen:
    """One move: what it began with (`had` something live, `has` something restored), and what the disk shows now."""

    had: bool
    has: bool
    aside: bool
    """What was live lies aside."""
    waiting: bool
    """What was restored waits for its place."""


def forward(seen: Seen) -> Step | None:
    """Return the next rename towards the restored state, None when it is reached."""
    if seen.had and not seen.aside:
        return Step.DISPLACE
    return Step.PLACE if seen.has and seen.waiting else None


def backward(seen: Seen) -> Step | None:
    """Return the next rename towards the former state, None when it is reached."""
    if seen.has and not seen.waiting:
        return Step.WITHDRAW
    return Step.RETURN if seen.had and seen.aside else None


class Phase(StrEnum):
    """What the journal of a restore says; it is there from the first rename on until all is swept."""

    SWITCHING = "switching"
    SWITCHED = "switched"
    PROVED = "proved"
    """What was restored runs: what was there before may go."""
    REVERTED = "reverted"


class Resume(StrEnum):
    """What is done about a restore whose process is gone."""

    NOTHING = "nothing"
    SWEEP = "sweep"
    REVERT = "revert"
    PROVE = "prove"


def resume(phase: Phase | None, *, staged: bool) -> Resume:
    """Return how an interrupted restore goes on: back unless all was in its place, and that has to run first."""
    if phase is None:
        return Resume.SWEEP if staged else Resume.NOTHING
    return {Phase.SWITCHING: Resume.REVERT, Phase.SWITCHED: Resume.PROVE}.get(phase, Resume.SWEEP)
