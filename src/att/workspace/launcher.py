"""What the launcher does for the API: starts, stops and looks at the units of tasks and apps; for the engine: jobs of
building ATT. Root's side.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from att.effects.filesystem import write_atomically
from att.effects.processes import Finished, run
from att.kernel.errors import Conflict, Failed, InvalidInput
from att.workspace.schema import TaskKind, TaskSpec
from att.workspace.units import DROP_IN, Slot, build_unit, drop_in, unit_name

START_SECONDS = 90.0
STOP_SECONDS = 40.0
ASK_SECONDS = 20.0
BUILD_SECONDS = 170.0
UNITS_MAX = 1024
_PROPERTIES = ("LoadState", "ActiveState", "Result", "MainPID", "InvocationID", "MemoryCurrent")

Command = Callable[[Sequence[str], float], Finished]


@dataclass(frozen=True)
class Machine:
    """Where the launcher works: facts of the machine, and the release whose att-run its units get."""

    release: Path
    projects: Path
    launch: Path
    egress: Path
    slots: int
    units: Path = Path("/run/systemd/system")


def systemctl(arguments: Sequence[str], seconds: float) -> Finished:
    """Run the service manager's own tool."""
    return run(["systemctl", "--no-ask-password", *arguments], timeout_seconds=seconds)


class Launcher:
    """Starts what it is given in the sandbox of a project slot, and nothing else."""

    def __init__(self, machine: Machine, command: Command = systemctl) -> None:
        self._at = machine
        self._command = command

    def sweep(self) -> None:
        """Remove specs that a launcher before this one left on their way."""
        for left in self._at.launch.glob("*.json"):
            left.unlink(missing_ok=True)

    def start(self, number: int, spec: TaskSpec) -> dict[str, object]:
        """Start a task's unit and return its state; one that was started before is left as it is."""
        slot, unit = self._named(number, spec.task_id, spec.kind)
        folder = self._at.units / f"{unit}.d"
        if len(list(self._at.units.glob("att-*@*.service.d"))) >= UNITS_MAX:
            raise Conflict("too_many_tasks", f"cannot start {spec.task_id}: {UNITS_MAX} tasks are there")
        try:
            folder.mkdir(mode=0o755)
        except FileExistsError:
            return self._state(unit)
        credential = self._at.launch / f"{unit}.json"
        try:
            text = drop_in(
                spec,
                slot,
                release=self._at.release,
                projects=self._at.projects,
                credential=credential,
                egress=self._at.egress,
            )
            write_atomically(credential, spec.model_dump_json().encode(), mode=0o600)
            write_atomically(folder / DROP_IN, text.encode(), mode=0o644)
            done = self._command(["start", unit], START_SECONDS)
            if not done.ok:
                raise Failed("task_not_started", f"cannot start {spec.task_id}: {_last_line(done.errors)}")
        except BaseException:
            self._remove(folder)
            raise
        finally:
            credential.unlink(missing_ok=True)
        return self._state(unit)

    def stop(self, number: int, task_id: str, kind: TaskKind) -> dict[str, object]:
        """Stop a task's unit, all its processes; quiet when it runs no more."""
        _, unit = self._named(number, task_id, kind)
        done = self._command(["stop", unit], STOP_SECONDS)
        if done.timed_out:
            self._command(["kill", "--signal=SIGKILL", unit], ASK_SECONDS)
        return self._state(unit)

    def state(self, number: int, task_id: str, kind: TaskKind) -> dict[str, object]:
        """Return {"active", "result", "memory_bytes", "invocation"} of a task's unit."""
        return self._state(self._named(number, task_id, kind)[1])

    def forget(self, number: int, task_id: str, kind: TaskKind) -> dict[str, object]:
        """Remove what is left of a unit that has ended; Conflict(task_running) while it runs."""
        _, unit = self._named(number, task_id, kind)
        state = self._state(unit)
        if state["active"]:
            raise Conflict("task_running", f"cannot forget {task_id}: it runs")
        self._remove(self._at.units / f"{unit}.d")
        return state

    def build(self, job: str) -> bool:
        """Do a job of building ATT to its end; whether it ended well. What it works on, the unit finds by its name."""
        unit = build_unit(job)
        done = self._command(["start", unit], BUILD_SECONDS)
        if done.timed_out:
            self._command(["stop", unit], STOP_SECONDS)
        return done.ok

    def _named(self, number: int, task_id: str, kind: TaskKind) -> tuple[Slot, str]:
        if not 0 <= number < self._at.slots:
            raise InvalidInput("invalid_input", f"cannot use slot {number}: 0 to {self._at.slots - 1}", field="slot")
        slot = Slot(number)
        return slot, unit_name(slot, task_id, kind)

    def _state(self, unit: str) -> dict[str, object]:
        done = self._command(["show", unit, f"--property={','.join(_PROPERTIES)}"], ASK_SECONDS)
        if not done.ok:
            raise Failed("internal", f"cannot ask about {unit}: {_last_line(done.errors)}")
        shown = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
        memory = shown.get("MemoryCurrent", "")
        return {
            "active": shown.get("ActiveState") in ("active", "activating", "deactivating", "reloading"),
            "result": shown.get("Result", ""),
            "memory_bytes": int(memory) if memory.isdigit() and int(memory) < 1 << 62 else None,
            "invocation": shown.get("InvocationID", ""),
        }

    def _remove(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["systemctl did not say why"])[-1][:400]
