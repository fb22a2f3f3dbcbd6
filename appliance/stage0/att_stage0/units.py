"""The service manager, by systemctl: the one far side that recovery drives."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

FENCE = "att-fence.service"
TIMER = "att-watchdog.timer"
_TIMEOUT_SECONDS = 60
_LOG_LINES = 400


class UnitsFailed(Exception):
    """systemctl said no, or did not answer in time."""


@dataclass(frozen=True)
class UnitState:
    """What the manager knows of one unit; `invocation` names one run of it, `restarts` counts the automatic ones."""

    load: str
    active: str
    main_pid: int
    restarts: int
    invocation: str


class Units(Protocol):
    """What recovery and the engine need of the service manager. Names carry their suffix."""

    def reload(self) -> None:
        """Read all units anew (this runs the generator)."""

    def restart(self, names: Sequence[str]) -> None:
        """Queue restarts and return at once; raises `UnitsFailed` where the manager takes no such job."""

    def start(self, names: Sequence[str]) -> None:
        """Start and wait; what runs stays untouched."""

    def stop(self, names: Sequence[str]) -> None:
        """Stop and wait; what is not there is no fault."""

    def kill(self, name: str) -> None:
        """SIGKILL every process of a unit."""

    def reset_failed(self, names: Sequence[str]) -> None:
        """Forget failures and restart counters."""

    def state(self, name: str) -> UnitState:
        """Ask about one unit; one that is not there has `load` not-found."""

    def log(self, name: str, since: float) -> str:
        """The unit's journal since a Unix time, bounded."""

    def command_lines(self) -> str:
        """The commands of all units of ATT that are loaded, apps and tasks included: which releases are in use."""


class Systemctl:
    """The real one."""

    def reload(self) -> None:
        """See `Units`."""
        self._must("daemon-reload")

    def restart(self, names: Sequence[str]) -> None:
        """See `Units`."""
        if names:
            self._must("restart", "--no-block", *names)

    def start(self, names: Sequence[str]) -> None:
        """See `Units`."""
        if names:
            self._must("start", *names)

    def stop(self, names: Sequence[str]) -> None:
        """See `Units`."""
        there = [name for name in names if self.state(name).load != "not-found"]
        if there:
            self._must("stop", *there)

    def kill(self, name: str) -> None:
        """See `Units`."""
        self._run("systemctl", "kill", "--signal=SIGKILL", name)

    def reset_failed(self, names: Sequence[str]) -> None:
        """See `Units`."""
        if names:
            self._run("systemctl", "reset-failed", *names)

    def state(self, name: str) -> UnitState:
        """See `Units`."""
        done = self._run("systemctl", "show", name, "--property=LoadState,ActiveState,MainPID,NRestarts,InvocationID")
        if done.returncode != 0:
            raise UnitsFailed(f"cannot ask about {name}: {done.stderr.strip()}")
        shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return UnitState(
            load=shown.get("LoadState", "not-found"),
            active=shown.get("ActiveState", "inactive"),
            main_pid=int(shown.get("MainPID") or 0),
            restarts=int(shown.get("NRestarts") or 0),
            invocation=shown.get("InvocationID", ""),
        )

    def log(self, name: str, since: float) -> str:
        """See `Units`."""
        done = self._run(
            "journalctl", "--no-pager", "--output=short-iso", f"--unit={name}", f"--since=@{int(since)}",
            f"--lines={_LOG_LINES}",
        )  # fmt: skip
        return done.stdout

    def command_lines(self) -> str:
        """See `Units`."""
        done = self._run("systemctl", "show", "att-*.service", "--property=ExecStart,ExecStartEx")
        if done.returncode != 0:
            raise UnitsFailed(f"cannot list units: {done.stderr.strip()}")
        return done.stdout

    def _must(self, verb: str, *arguments: str) -> None:
        done = self._run("systemctl", verb, *arguments)
        if done.returncode != 0:
            raise UnitsFailed(f"cannot {verb} {' '.join(arguments)}: {done.stderr.strip()}")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnitsFailed(f"cannot run {command[0]} {command[1]}: {error}") from error
