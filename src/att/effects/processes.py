"""Runs other programs: arguments as a list, a deadline always, output bounded, no shell."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OUTPUT_CHARS_MAX = 64_000
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


@dataclass(frozen=True)
class Finished:
    """How a program ended: `code` as the shell would say it (negative: killed by that signal)."""

    code: int
    output: str
    errors: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with 0."""
        return self.code == 0 and not self.timed_out


def run(
    command: Sequence[str],
    *,
    timeout_seconds: float,
    user: str | None = None,
    input_text: str = "",
    environment: Mapping[str, str] | None = None,
    output_chars_max: int = OUTPUT_CHARS_MAX,
) -> Finished:
    """Run a program to its end or to the deadline, then its process group is killed; never raises for its failure.

    `user` runs it as that user with that user's groups alone. The environment is `environment` plus a plain PATH and
    locale, never this process's own. A program that cannot be started gives code 127. Of what it prints the last
    `output_chars_max` characters are kept.
    """
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**_ENVIRONMENT, **(environment or {})},
            cwd="/",
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            umask=0o077 if user is not None else -1,
        )
    except (OSError, LookupError) as error:
        return Finished(127, "", f"cannot start {command[0]}: {error}")
    try:
        output, errors = process.communicate(input_text, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        kill_group(process.pid, user)
        output, errors = process.communicate()
        return Finished(process.returncode, output[-output_chars_max:], errors[-output_chars_max:], timed_out=True)
    return Finished(process.returncode, output[-output_chars_max:], errors[-output_chars_max:])


def kill_group(pid: int, user: str | None = None) -> None:
    """Kill a program started in its own session, with its children; quiet when they are gone already.

    A root without CAP_KILL may not kill what it started as `user`: then a process of that user does it.
    """
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError:
        if user is None:
            raise
        command = ["/bin/sh", "-c", 'kill -s KILL -- "-$1"', "kill", str(pid)]
        subprocess.run(
            command, user=user, group=user, extra_groups=[], stderr=subprocess.DEVNULL, timeout=10, check=False
        )
