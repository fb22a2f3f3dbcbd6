"""What tests need of an appliance, wherever it runs: the container implements it, and the machine over SSH."""

from subprocess import CompletedProcess
from typing import Any, Protocol

from dev.vm.machine import wait_until

from att.projects.decision import SELF_SLUG

REGISTERED_SECONDS_MAX = 120.0


class Box(Protocol):
    """An appliance in which commands run and which is operated with attctl."""

    @property
    def patience(self) -> float:
        """How many times longer than in a container on this host everything may take."""

    def run(
        self,
        *command: str,
        user: str | None = None,
        stdin: str = "",
        check: bool = True,
        timeout_seconds: float = 120,
    ) -> CompletedProcess[str]:
        """Run a program in it, as root or as `user`; a failure raises with what it said unless `check` is false."""

    def attctl(
        self, *arguments: str, user: str = "operator", check: bool = True, timeout_seconds: float = 300
    ) -> CompletedProcess[str]:
        """What an operator types at the SSH door."""

    def told(self, *words: str) -> Any:
        """What attctl prints as JSON at the SSH door; an AssertionError says what it said instead of succeeding."""

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file into it."""


def settled(box: Box) -> None:
    """Wait until ATT's own repository is a project: at its first boot the API asks the launcher for its place."""
    own = ("project", "status", SELF_SLUG)
    seconds = REGISTERED_SECONDS_MAX * box.patience
    wait_until(lambda: box.attctl(*own, check=False).returncode == 0, seconds, "project att", every_seconds=1)
