"""Runs `python -m att.entrypoints.database` of a release as user att, with deadlines that follow its progress."""

import io
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from att.appliance import Facts
from att.effects.processes import kill_group, run
from att.kernel.codes import CODES
from att.kernel.errors import AttError, Failed
from att.upgrade.decision import Schema
from att.upgrade.ports import DatabaseInfo, Tell
from att_stage0.units import FENCE

USER = "att"
# An emulated machine that is busy needs a minute to start Python.
INFO_SECONDS = 180.0
LOCK_SECONDS = 120.0
MOMENT_SECONDS = 3600.0
TOTAL_SECONDS_MAX = 4 * 3600.0
LOCK_SECONDS_MAX = int(2 * TOTAL_SECONDS_MAX) + 900
"""Longer than snapshot and migration may take together: a lock that falls before the switch loses writes."""
_POLL_SECONDS = 0.05
_ERROR_CHARS_MAX = 64_000
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class DatabasePrograms:
    """The real one."""

    def __init__(self, facts: Facts, environment: Mapping[str, str] | None = None) -> None:
        self._facts = facts
        self._environment = {**_ENVIRONMENT, **(environment or {})}
        self._user = USER if os.geteuid() == 0 else None

    def info(self, release: str, directory: str) -> DatabaseInfo:
        """See `Databases`."""
        return _info(self._run(release, ["info", self._path(directory)], INFO_SECONDS, "database_damaged"))

    def create(self, release: str, directory: str) -> DatabaseInfo:
        """See `Databases`."""
        self._run(release, ["create", self._path(directory)], INFO_SECONDS, "migration_failed")
        return self.info(release, directory)

    def snapshot(self, release: str, directory: str, target: str, seconds: float, tell: Tell) -> None:
        """See `Databases`."""
        command = ["snapshot", self._path(directory), self._path(target)]
        self._run(release, command, seconds, "snapshot_failed", tell)

    def moment(self, release: str, directory: str, target: Path, forge: Path) -> None:
        """Copy a database and the repositories in `forge`, both of one moment, into the new folder `target`."""
        self._run(release, ["moment", self._path(directory), str(target), str(forge)], MOMENT_SECONDS, "backup_failed")

    def migrate(self, release: str, directory: str, seconds: float, tell: Tell) -> Schema:
        """See `Databases`."""
        self._run(release, ["migrate", self._path(directory)], seconds, "migration_failed", tell)
        return self.info(release, directory).schema

    def reset_admin(self, release: str, directory: str) -> dict[str, object]:
        """See `Databases`."""
        return self._run(release, ["reset-admin", self._path(directory)], INFO_SECONDS, "internal")

    def hold_lock(self, release: str, directory: str) -> None:
        """See `Databases`."""
        said = self._facts.paths.run / "fence-lock"
        # Its stdin ends with the sleep: the longest time a lock may be held when nobody is left to drop it.
        holder = f'exec "$@" < <(sleep {LOCK_SECONDS_MAX})'
        done = run(
            [
                "systemd-run", "--quiet", "--collect", f"--unit={FENCE}", "--service-type=exec",
                f"--uid={USER}", f"--gid={USER}", "--slice=att.slice", f"--property=StandardOutput=truncate:{said}",
                "--property=ProtectSystem=strict", f"--property=ReadWritePaths={self._facts.paths.api_state}",
                "--property=PrivateNetwork=yes", "--property=NoNewPrivileges=yes", "--property=TimeoutStopSec=5",
                "--setenv=PYTHONDONTWRITEBYTECODE=1", "--",
                "/bin/bash", "-c", holder, "fence", *self._command(release, ["fence", self._path(directory)]),
            ],
            timeout_seconds=LOCK_SECONDS,
        )  # fmt: skip
        until = time.monotonic() + LOCK_SECONDS
        while done.ok and time.monotonic() < until:
            if said.exists() and said.read_text(encoding="utf-8").startswith("held"):
                return
            shown = run(["systemctl", "is-active", FENCE], timeout_seconds=10)
            if shown.output.strip() not in ("active", "activating"):
                break
            time.sleep(_POLL_SECONDS)
        raise Failed("snapshot_failed", f"cannot fence the database: {done.errors.strip() or 'the lock was not given'}")

    def _path(self, directory: str) -> str:
        return str(self._facts.paths.api_state / directory)

    def _command(self, release: str, arguments: list[str]) -> list[str]:
        python = self._facts.paths.releases / release / "venv" / "bin" / "python"
        return [str(python), "-P", "-m", "att.entrypoints.database", *arguments]

    def _run(
        self, release: str, arguments: list[str], seconds: float, code: str, tell: Tell | None = None
    ) -> dict[str, Any]:
        process = subprocess.Popen(
            self._command(release, arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=dict(self._environment),
            cwd="/",
            start_new_session=True,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            umask=0o077,
        )
        answer: dict[str, Any] = {}
        errors: list[str] = []
        try:
            for line in _lines(process, seconds, errors):
                told = _object(line)
                progress = told.get("progress")
                if isinstance(progress, dict) and tell is not None:
                    percent = progress.get("percent")
                    tell(arguments[0], float(percent) if isinstance(percent, int | float) else None)
                answer = told or answer
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise Failed(code, f"cannot {arguments[0]} the database: no progress for {seconds:.0f} s") from error
        finally:
            kill_group(process.pid, self._user)
            process.wait()
        if process.returncode != 0:
            raise _error("".join(errors), arguments[0], code)
        return answer


def _lines(process: subprocess.Popen[str], seconds: float, errors: list[str]) -> Iterator[str]:
    """The lines of stdout until it ends; TimeoutError when none comes for `seconds`."""
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        with process.stdout or io.StringIO() as lines:
            for line in lines:
                found.put(line)
        found.put(None)

    def listen() -> None:
        with process.stderr or io.StringIO() as said:
            errors.append(said.read(_ERROR_CHARS_MAX))
            while said.read(_ERROR_CHARS_MAX):
                pass  # one that says more must not stand still for it

    readers = [threading.Thread(target=one, daemon=True) for one in (read, listen)]
    for reader in readers:
        reader.start()
    ends = time.monotonic() + TOTAL_SECONDS_MAX
    while True:
        try:
            line = found.get(timeout=min(seconds, max(0.0, ends - time.monotonic())))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            break
        yield line
    process.wait(timeout=seconds)
    readers[1].join(timeout=seconds)


def _info(answer: dict[str, Any]) -> DatabaseInfo:
    try:
        return DatabaseInfo(Schema(int(answer["version"]), int(answer["min_reader"])), int(answer.get("bytes", 0)))
    except (KeyError, TypeError, ValueError) as error:
        raise Failed("database_damaged", "cannot read the database: its program gave no schema") from error


def _error(said: str, verb: str, code: str) -> AttError:
    """The error the program told as JSON, else one that quotes the end of what it said."""
    for line in reversed(said.strip().splitlines()):
        told = _object(line).get("error")
        if isinstance(told, dict) and told.get("code") in CODES and told["code"] != "internal":
            return Failed(str(told["code"]), str(told.get("detail", "")))
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    return Failed(code, f"cannot {verb} the database: {last[0][:500]}")


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def next_directory(api_state: Path) -> str:
    """The name of a database directory that is not there yet."""
    numbers = [int(path.name[3:]) for path in api_state.glob("db-*") if path.name[3:].isdigit()]
    return f"db-{max(numbers, default=0) + 1}"
