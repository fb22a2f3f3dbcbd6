"""A service manager that only remembers, for tests of the launcher."""

from collections.abc import Sequence
from pathlib import Path

from att.effects.processes import Finished
from att.workspace.launcher import Launcher, Machine


class FakeManager:
    """Answers like systemctl; `refuses` names the verbs that fail."""

    def __init__(self, refuses: str = "") -> None:
        self.running: set[str] = set()
        self.asked: list[Sequence[str]] = []
        self.refuses = refuses
        self.credential = ""

    def __call__(self, arguments: Sequence[str], seconds: float) -> Finished:
        """Do what the verb says; every call is bounded in time."""
        assert 0 < seconds < 180
        self.asked.append(arguments)
        verb, unit = arguments[0], arguments[-1] if arguments[0] != "show" else arguments[1]
        if verb == self.refuses:
            return Finished(1, "", f"Job for {unit} failed.\nno room")
        if verb == "start":
            self.running.add(unit)
        elif verb in ("stop", "kill"):
            self.running.discard(unit)
        active = "active" if unit in self.running else "inactive"
        return Finished(0, f"ActiveState={active}\nResult=success\nMemoryCurrent=4096\nInvocationID=run1\n", "")


def launcher_at(folder: Path, manager: FakeManager) -> Launcher:
    """Return a launcher whose machine lies below `folder`."""
    for name in ("units", "launch"):
        (folder / name).mkdir(exist_ok=True)
    return Launcher(
        Machine(
            release=Path("/opt/att/releases/1.2.3"),
            projects=Path("/var/lib/att/projects"),
            launch=folder / "launch",
            egress=Path("/run/att/egress.sock"),
            slots=256,
            units=folder / "units",
        ),
        manager,
    )
