"""The machine as the tests' `Box`: commands over SSH, as any user by sudo."""

import json
import shlex
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Any

from dev.vm.guest import Guest


@dataclass(frozen=True)
class SshBox:
    """A machine that lets its operator in; every limit of time is `patience` times as long as in a container."""

    guest: Guest
    patience: float

    def run(
        self,
        *command: str,
        user: str | None = None,
        stdin: str = "",
        check: bool = True,
        timeout_seconds: float = 120,
    ) -> CompletedProcess[str]:
        """See `Box`."""
        as_user = [] if user == self.guest.user else ["sudo", "-n", *(["-u", user] if user else []), "env", "-C", "/"]
        seconds = timeout_seconds * self.patience
        done = self.guest.ssh(*as_user, *command, check=False, timeout_seconds=seconds, given=stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"{shlex.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def attctl(
        self, *arguments: str, user: str = "operator", check: bool = True, timeout_seconds: float = 300
    ) -> CompletedProcess[str]:
        """See `Box`."""
        return self.run("attctl", *arguments, user=user, check=check, timeout_seconds=timeout_seconds)

    def told(self, *words: str) -> Any:
        """See `Box`."""
        done = self.attctl("--json", *words, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """See `Box`."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run("sh", "-c", script, "sh", path, f"{mode:o}", stdin=text)
