"""The unit of a task or app on the appliance: its name and its drop-in. Pure: values in, text out."""

import re
from dataclasses import dataclass
from pathlib import Path

from att.kernel.errors import InvalidInput
from att.workspace.schema import TaskKind, TaskSpec

CREDENTIAL = "spec"
DROP_IN = "50-launcher.conf"
_TASK_ID = re.compile(r"[a-z][0-9a-z_]{0,63}")
_STOP_MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Slot:
    """One of the static project users and its folder: `att-p007` and `p007`."""

    number: int

    @property
    def user(self) -> str:
        """The system user of everything that runs for the project in this slot."""
        return f"att-p{self.number:03}"

    @property
    def folder(self) -> str:
        """The folder's name under `Facts.paths.projects`."""
        return f"p{self.number:03}"

    @classmethod
    def of_user(cls, user: str) -> "Slot":
        """Return the slot whose user that is; InvalidInput for any other user."""
        found = re.fullmatch(r"att-p([0-9]{3})", user)
        if found is None:
            raise InvalidInput("invalid_input", f"cannot use {user[:32]!r}: no user of a project", field="slot")
        return cls(int(found[1]))


def unit_name(slot: Slot, task_id: str, kind: TaskKind) -> str:
    """Return the instance that runs the task of that slot; InvalidInput for an id that is none."""
    if not _TASK_ID.fullmatch(task_id):
        raise InvalidInput(
            "invalid_input", f"cannot name a unit for {task_id[:64]!r}: no id of a task", field="task_id"
        )
    return f"att-{'app' if kind is TaskKind.APP else 'task'}@{slot.folder}-{task_id}.service"


def build_unit(job: str) -> str:
    """Return the instance that does that job of building ATT; InvalidInput for a name that is none."""
    if not _TASK_ID.fullmatch(job):
        raise InvalidInput("invalid_input", f"cannot name a unit for {job[:64]!r}: no name of a job", field="job")
    return f"att-build@{job}.service"


def drop_in(spec: TaskSpec, slot: Slot, *, release: Path, projects: Path, credential: Path, egress: Path) -> str:
    """Return the drop-in of one instance.

    `release` is whose att-run it gets, for good: a running app keeps its release until its next start. `credential` is
    the file with the spec, which the service manager reads as it starts the unit.
    """
    folder = projects / slot.folder
    lines = [
        "[Service]",
        f"User={slot.user}",
        f"Group={slot.user}",
        "ExecStart=",
        f"ExecStart={release}/venv/bin/python -P -m att.entrypoints.run",
        f"BindPaths={folder}",
        f"LoadCredential={CREDENTIAL}:{credential}",
        f"MemoryMax={spec.memory_bytes_max}",
        "MemorySwapMax=0",
        f"TasksMax={spec.processes_max}",
    ]
    if spec.grant is not None:
        lines.append(f"BindPaths=-{egress}")
    if spec.timeout_seconds is not None:
        # att-run ends it in time; this is for an att-run that cannot.
        lines.append(f"RuntimeMaxSec={spec.timeout_seconds + _STOP_MARGIN_SECONDS:.0f}")
    return "\n".join(lines) + "\n"
