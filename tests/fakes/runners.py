"""The att-runs of a platform that starts its tasks as processes: they outlive it, and must not outlive a test."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from att.kernel.errors import NotFound
from att.workspace.backends.folders import runner_of
from att.workspace.place import Place
from att.workspace.shim.descendants import descendants, send
from att.workspace.shim.records import RUN


def runners(projects: Path, task: str = "*") -> Iterator[tuple[str, int]]:
    """Yield the projects and att-runs of tasks that run below `projects`."""
    for record in projects.glob(f"*/tasks/{task}/{RUN}"):
        folder = record.parents[2]
        with suppress(NotFound):  # it was removed meanwhile
            runner = runner_of(Place("", "", folder), record.parent.name)
            if runner is not None:
                yield folder.name, runner


def end_runners(projects: Path) -> None:
    """End every task below `projects` with all that it has started."""
    for _, runner in runners(projects):
        send(signal.SIGKILL, [runner, *descendants(runner)])
