"""Judges what was seen of the appliance: ok, degraded or error, with reasons. Pure: no file, no clock, no socket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from att.effects.clock import JUMP_SECONDS_WARN
from att.effects.room import left_below

Level = Literal["ok", "degraded", "error"]
_RANK: Mapping[Level, int] = {"ok": 0, "degraded": 1, "error": 2}
CERTIFICATE_DAYS_WARN = 14
_BACKUP_DAYS_MAX: Mapping[str, float] = {"daily": 2, "weekly": 9}
_FIRST_BACKUP_DAYS_MAX = 2
"""Whatever the schedule is: the first one is due in the night after it was set."""


@dataclass(frozen=True)
class Unit:
    """A systemd unit as `systemctl show` tells it; `name` with suffix. `vital`: without it nothing can be reached."""

    name: str
    load: str
    active: str
    sub: str
    vital: bool = False


@dataclass(frozen=True)
class Api:
    """What the API's socket answered; `problem` says why it did not. `checks`: those of /readyz that are not ok."""

    alive: bool
    ready: bool = False
    release: str | None = None
    checks: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Engine:
    """What the upgrade engine answered; `problem` says why it did not."""

    state: str = ""
    current: str | None = None
    previous: str | None = None
    transaction: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class Disk:
    """One file system that holds something of ATT; `held`: the API only reads it since it was full."""

    path: str
    used_percent: float
    free_mb: int
    inodes_percent: float = 0.0
    read_only: bool = False
    held: bool = False


@dataclass(frozen=True)
class Limits:
    """The settings that status judges by."""

    warn_percent: int
    limit_percent: int
    free_mb_min: int


@dataclass(frozen=True)
class Certificate:
    """In how many days that of the appliance port begins to be valid, and in how many it ends; negative: ago."""

    days_early: float
    days_left: float


@dataclass(frozen=True)
class Backup:
    """Scheduled backups: how often, how many days ago the last good one was made, and why the last one failed.

    `set_days`: how many days the settings have been as they are.
    """

    schedule: str
    days: float | None = None
    problem: str = ""
    key_shown: bool = False
    set_days: float | None = None


@dataclass(frozen=True)
class Seen:
    """All that was gathered; None where it does not apply here or cannot be seen by this caller."""

    limits: Limits
    units: tuple[Unit, ...] | None = None
    api: Api | None = None
    engine: Engine | None = None
    disks: tuple[Disk, ...] = ()
    clock_synchronised: bool | None = None
    clock_jump_seconds: float | None = None
    certificate: Certificate | None = None
    config_problems: tuple[str, ...] = ()
    backup: Backup | None = None


@dataclass(frozen=True)
class Finding:
    """One check's outcome."""

    name: str
    level: Level
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The worst level, and every check; `reasons` are the details of those not ok, worst first."""

    level: Level
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def reasons(self) -> list[str]:
        """What is not ok."""
        bad = [one for one in self.findings if one.level != "ok"]
        return [f"{one.name}: {one.detail}" for one in sorted(bad, key=lambda one: -_RANK[one.level])]


def judge(seen: Seen) -> Verdict:
    """Return the verdict over everything seen."""
    findings = tuple(_findings(seen))
    return Verdict(max((one.level for one in findings), key=lambda level: _RANK[level], default="ok"), findings)


def exit_code(level: Level) -> int:
    """Return attctl's exit code: 0 ok, 3 degraded, 4 error."""
    return {"ok": 0, "degraded": 3, "error": 4}[level]


def _findings(seen: Seen) -> Iterator[Finding]:
    if seen.api is not None:
        yield _api(seen.api, upgrading=bool(seen.engine and seen.engine.transaction))
    if seen.engine is not None:
        yield _engine(seen.engine)
    if seen.units is not None:
        yield from _units(seen.units)
    for disk in seen.disks:
        yield _disk(disk, seen.limits)
    if seen.config_problems:
        yield Finding("config", "degraded", "att.yaml is not valid, older settings hold: " + seen.config_problems[0])
    if seen.certificate is not None:
        yield _certificate(seen.certificate)
    if seen.backup is not None and seen.backup.schedule != "off":
        yield _backup(seen.backup)
    yield from _clock(seen.clock_synchronised, seen.clock_jump_seconds)


def _api(api: Api, *, upgrading: bool) -> Finding:
    if not api.alive:
        return Finding("api", "error", api.problem or "does not answer")
    if not api.ready:
        why = ", ".join(api.checks) or api.problem or "not ready"
        return Finding("api", "degraded" if upgrading else "error", f"not ready: {why}")
    if api.checks:
        return Finding("api", "degraded", "ready, but: " + ", ".join(api.checks))
    return Finding("api", "ok", "ready")


def _engine(engine: Engine) -> Finding:
    if engine.problem:
        return Finding("engine", "degraded", engine.problem)
    if engine.state == "FAILED_SAFE":
        return Finding("engine", "error", "FAILED_SAFE: run `attctl rollback` or `attctl repair`")
    if engine.transaction:
        return Finding("engine", "ok", f"upgrade {engine.transaction} runs: {engine.state}")
    return Finding("engine", "ok", engine.state or "IDLE")


def _units(units: tuple[Unit, ...]) -> Iterator[Finding]:
    bad = []
    for unit in units:
        trouble = _trouble(unit)
        if trouble:
            bad.append(Finding(f"unit {unit.name}", "error" if unit.vital else "degraded", trouble))
    yield from bad or [Finding("units", "ok", _well(units))]


def _well(units: tuple[Unit, ...]) -> str:
    """Say that all units are as they should be, and which services no client has asked for yet."""
    listening = {one.name.removesuffix(".socket") for one in units if one.name.endswith(".socket")}
    stopped = (one.name.removesuffix(".service") for one in units if one.active == "inactive")
    idle = [name for name in stopped if name in listening]
    return f"{len(units)} as they should be" + (f", idle until asked: {', '.join(idle)}" if idle else "")


def _trouble(unit: Unit) -> str:
    if unit.load == "masked":
        return "is masked"
    if unit.load != "loaded":
        return ""
    if unit.active == "failed" or unit.sub == "auto-restart":
        return f"{unit.active} ({unit.sub})"
    # A service starts when its socket is asked, the watchdog runs during an upgrade alone; sockets always listen.
    if (unit.vital or unit.name.endswith(".socket")) and unit.active not in ("active", "activating", "reloading"):
        return f"is {unit.active}"
    return ""


def _disk(disk: Disk, limits: Limits) -> Finding:
    name = f"disk {disk.path}"
    use, used = f"{disk.used_percent:.0f} % used, {disk.free_mb} MB free", disk.used_percent
    if disk.inodes_percent > used:
        use, used = f"{disk.inodes_percent:.0f} % of the inodes used", disk.inodes_percent
    if disk.read_only:
        return Finding(name, "error", "the file system is read-only: see `journalctl -k` for why")
    until = left_below(limits.limit_percent)
    if used >= (until if disk.held else limits.limit_percent):
        says = f"from {limits.limit_percent} % on ATT only reads, until it is less than {until:g} %"
        says += ": see `attctl disk show`"
        return Finding(name, "error", f"{use}; {says}")
    if used >= limits.warn_percent:
        says = f"the warning is at {limits.warn_percent} %: see `attctl disk show`"
        return Finding(name, "degraded", f"{use}; {says}")
    if disk.free_mb < limits.free_mb_min:
        return Finding(name, "degraded", f"{use}; at least {limits.free_mb_min} MB should be free")
    return Finding(name, "ok", use)


def _clock(synchronised: bool | None, jump_seconds: float | None) -> Iterator[Finding]:
    if jump_seconds is not None and abs(jump_seconds) >= JUMP_SECONDS_WARN:
        yield Finding("clock", "degraded", f"was set by {jump_seconds:+.0f} s since boot: see `attctl time show`")
    elif synchronised is not None:
        yield Finding("clock", "ok", "synchronised" if synchronised else "not synchronised by the network")


def _certificate(seen: Certificate) -> Finding:
    days, early = seen.days_left, seen.days_early
    if early > 0:
        says = "see `attctl time show`, else `attctl tls install` another"
        return Finding("certificate", "degraded", f"is not valid for another {early:.1f} days by this clock: {says}")
    if days <= 0:
        says = "`attctl tls install` another; the clock: `attctl time show`"
        return Finding("certificate", "degraded", f"expired {-days:.0f} days ago: {says}")
    if days < CERTIFICATE_DAYS_WARN:
        return Finding("certificate", "degraded", f"expires in {days:.0f} days")
    return Finding("certificate", "ok", f"good for {days:.0f} days")


def _backup(backup: Backup) -> Finding:
    if backup.problem:
        return Finding("backup", "degraded", f"the last scheduled one failed: {backup.problem}")
    if backup.days is not None and backup.days > _BACKUP_DAYS_MAX[backup.schedule]:
        return Finding("backup", "degraded", f"the last one was made {backup.days:.0f} days ago")
    if backup.days is None and backup.set_days is not None and backup.set_days > _FIRST_BACKUP_DAYS_MAX:
        says = "see `systemctl list-timers att-backup.timer`, or make one: `attctl backup create --scheduled`"
        return Finding(
            "backup", "degraded", f"none was made in the {backup.set_days:.0f} days since it was set; {says}"
        )
    if not backup.key_shown:
        return Finding("backup", "degraded", "nobody has the recovery key yet: `attctl backup key`")
    return Finding("backup", "ok", backup.schedule)
