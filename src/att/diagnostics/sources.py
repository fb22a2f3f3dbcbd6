"""What a diagnostics bundle is gathered from: this table alone says it, with a bound of size and time for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts
from att.site.kept import KEPT_FILE, TRIAL_FILE

KILOBYTE = 1024
TOTAL_BYTES_MAX = 12 * KILOBYTE * KILOBYTE
TOTAL_SECONDS_MAX = 240.0
JOURNAL_LINES = 300


@dataclass(frozen=True)
class Command:
    """What a program prints."""

    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Files:
    """The ends of the newest files below a folder; each part of `pattern` names one level, no link is followed."""

    folder: Path
    pattern: str
    most: int = 1


@dataclass(frozen=True)
class Asked:
    """What a part of ATT tells; blocks, raises OSError, ValueError or AttError."""

    ask: Callable[[], str]


@dataclass(frozen=True)
class Source:
    """One file of the bundle, and where its text comes from."""

    name: str
    how: Command | Files | Asked
    bytes_max: int = 64 * KILOBYTE
    seconds_max: float = 10.0


@dataclass(frozen=True)
class Tellers:
    """The parts of ATT that tell about themselves."""

    status: Callable[[], str]
    settings: Callable[[], str]
    releases: Callable[[], str]
    upgrade: Callable[[], str]
    metrics: Callable[[], str]


def sources(facts: Facts, tellers: Tellers) -> Iterator[Source]:
    """Yield every source, what helps most first: what comes after the bounds of all is left out."""
    yield Source("status.json", Asked(tellers.status), seconds_max=60)
    yield Source("settings.json", Asked(tellers.settings))
    yield Source("config/att.yaml", _file(facts.paths.config))
    yield Source("releases.json", Asked(tellers.releases))
    yield Source("upgrade/journal.jsonl", Asked(tellers.upgrade), bytes_max=256 * KILOBYTE)
    yield from _upgrades(facts)
    yield from _machine(facts)
    yield from _services(facts)
    yield Source("metrics.txt", Asked(tellers.metrics), bytes_max=256 * KILOBYTE)
    yield Source("audit.jsonl", _file(facts.paths.audit), bytes_max=256 * KILOBYTE)
    yield Source("projects/configs.txt", Files(facts.paths.projects, "p*/work/configs/*.y*ml", 32), seconds_max=20)


def _upgrades(facts: Facts) -> Iterator[Source]:
    state = facts.paths.upgrade_state
    yield Source("upgrade/history.jsonl", _file(state / "history.jsonl"), bytes_max=256 * KILOBYTE)
    yield Source("upgrade/state.txt", Files(state, "*.json", 16))
    yield Source("upgrade/databases.txt", Files(state, "databases/*.json", 8))
    yield Source("upgrade/rollbacks.txt", Files(facts.paths.logs, "rollback-*.log", 3), bytes_max=256 * KILOBYTE)


def _machine(facts: Facts) -> Iterator[Source]:
    certificate = ("-in", str(facts.paths.tls / "server.crt"), "-noout", "-subject", "-issuer", "-dates")
    yield _command("machine/system.txt", "uname", "-a")
    yield Source("machine/os-release.txt", _file(Path("/usr/lib/os-release")))
    yield _command("machine/permissions.json", "att-check-perms", "--json")
    yield _command("machine/disk.txt", "df", "--block-size=1M", "--print-type", "--local")
    yield _command("machine/inodes.txt", "df", "--inodes", "--local")
    yield _command("machine/mounts.txt", "findmnt", "--real", "--notruncate")
    yield _command("machine/disks.txt", "lsblk", "--output", "NAME,TYPE,SIZE,FSTYPE,MOUNTPOINTS")
    yield _command("machine/memory.txt", "free", "--mebi")
    # Whole lines, the largest process last: what is cut is the begin, and no line in its middle.
    processes = Command(("ps", "-ww", "-eo", "pid,user,stat,rss,etime,args", "--sort=rss"))
    yield Source("machine/processes.txt", processes, bytes_max=256 * KILOBYTE)
    for part in ("cpu", "io", "memory"):
        yield Source(f"machine/pressure-{part}.txt", _file(Path("/proc/pressure") / part))
    yield _command("machine/uptime.txt", "uptime")
    yield _command("machine/time.txt", "timedatectl", "show")
    yield _command("machine/time-sync.txt", "timedatectl", "show-timesync")
    yield _command("machine/packages.txt", "dpkg-query", "--show")
    yield _command("machine/certificate.txt", "openssl", "x509", *certificate)
    yield Source("network/kept.network", _file(facts.root / KEPT_FILE))
    yield Source("network/trial.network", _file(facts.root / TRIAL_FILE))
    yield _command("network/links.txt", "networkctl", "status", "--all", "--no-pager", "--lines=0")
    yield _command("network/addresses.txt", "ip", "-brief", "address")
    yield _command("network/routes.txt", "ip", "route", "show", "table", "all")
    yield _command("network/listening.txt", "ss", "--listening", "--numeric", "--tcp", "--udp", "--processes")
    yield _command("network/names.txt", "resolvectl", "status", "--no-pager")


def _services(facts: Facts) -> Iterator[Source]:
    yield _command("services/units.txt", "systemctl", "list-units", "att*", "--all", "--full", "--no-pager")
    yield _command("services/failed.txt", "systemctl", "list-units", "--failed", "--full", "--no-pager")
    yield _command("services/timers.txt", "systemctl", "list-timers", "--all", "--full", "--no-pager")
    for unit in facts.units:
        yield _journal(f"services/{unit.name}.log", f"--unit={unit.name}.service")
    yield _journal("services/apps.log", "--unit=att-app@*.service")
    yield _journal("services/tasks.log", "--unit=att-task@*.service")
    yield _journal("services/builds.log", "--unit=att-build@*.service")
    yield _journal("machine/warnings.log", "--priority=warning", "--boot")
    yield _journal("machine/kernel.log", "--dmesg")
    yield _journal("machine/ssh.log", "--unit=ssh.service", "--unit=att-ssh-host-keys.service")
    yield _journal("machine/cloud-init.log", "--unit=cloud-init*.service")
    yield _command("machine/boots.txt", "journalctl", "--list-boots", "--no-pager")


def _journal(name: str, *which: str) -> Source:
    how = ("journalctl", "--no-pager", "--output=short-iso", f"--lines={JOURNAL_LINES}", "--utc", *which)
    return Source(name, Command(how), bytes_max=192 * KILOBYTE, seconds_max=15)


def _command(name: str, *arguments: str) -> Source:
    return Source(name, Command(arguments))


def _file(path: Path) -> Files:
    return Files(path.parent, path.name)
