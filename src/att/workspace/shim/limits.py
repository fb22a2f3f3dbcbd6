"""What the limits of its unit did to a task, as the kernel counts it in the unit's control group."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_OWN = "0::"
_MIB = 1024 * 1024
_SHELLS_WORD = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Hits:
    """How often: `memory` the task reached its own limit, `killed` one of its processes was ended for want of memory,
    `processes` one could not be started; with the limits themselves where there are any.
    """

    memory: int = 0
    killed: int = 0
    processes: int = 0
    memory_bytes_max: int | None = None
    processes_max: int | None = None

    def ended(self, code: int | None) -> bool:
        """Whether this is why the first process ended so: itself killed, or a shell that says so of what it ran."""
        return self.killed > 0 and code in (-signal.SIGKILL, _SHELLS_WORD)

    def words(self) -> list[str]:
        """Return what is to be said of it, a sentence each; what ended the task comes last."""
        said = []
        if self.processes and self.processes_max is not None:
            said.append(f"processes were not started: {self.processes_max} at once are its limit")
        if self.killed and self.memory and self.memory_bytes_max is not None:
            said.append(f"ended for want of memory: it took all {self.memory_bytes_max // _MIB} MiB of its limit")
        elif self.killed:
            said.append("ended for want of memory: the machine had none left")
        return said


def hits(group: Path | None) -> Hits:
    """Return what happened in a control group so far; without one, or where it does not count, nothing did."""
    if group is None:
        return Hits()
    memory, processes = _counters(group / "memory.events"), _counters(group / "pids.events")
    return Hits(
        memory=memory.get("oom", 0),
        killed=memory.get("oom_kill", 0),
        processes=processes.get("max", 0),
        memory_bytes_max=_limit(group / "memory.max"),
        processes_max=_limit(group / "pids.max"),
    )


def own_group(process: Path = Path("/proc/self/cgroup"), mount: Path = _MOUNT) -> Path | None:
    """Return the control group of this process; None where the kernel has only the first version of them."""
    for line in _text(process).splitlines():
        if line.startswith(_OWN):
            return mount / line.removeprefix(_OWN).lstrip("/")
    return None


def _counters(file: Path) -> Mapping[str, int]:
    pairs = (line.split(" ") for line in _text(file).splitlines())
    return {name: int(count) for name, count in pairs}


def _limit(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
