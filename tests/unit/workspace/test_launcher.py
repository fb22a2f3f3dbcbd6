"""The launcher: one unit a task, its secrets gone as soon as the unit has them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.workspace.manager import FakeManager, launcher_at

from att.effects.processes import Finished
from att.kernel.errors import Conflict, Failed, InvalidInput
from att.workspace.schema import TaskKind, TaskSpec

UNIT = "att-task@p007-task_1.service"
SPEC = TaskSpec(
    task_id="task_1", kind=TaskKind.TEST, command=("pytest",), secrets={"KEY": "s3cret"}, timeout_seconds=30
)


def test_the_unit_has_its_users_limits_and_release_and_no_secret_stays(tmp_path: Path) -> None:
    manager = FakeManager()
    seen: dict[str, object] = {}

    def look(arguments: Sequence[str], seconds: float) -> Finished:
        if arguments[0] == "start":
            spec = tmp_path / "launch" / f"{UNIT}.json"
            seen.update(spec=TaskSpec.model_validate_json(spec.read_bytes()), mode=spec.stat().st_mode & 0o777)
        return manager(arguments, seconds)

    launcher = launcher_at(tmp_path, manager)
    launcher._command = look
    assert launcher.start(7, SPEC)["active"]
    assert seen == {"spec": SPEC, "mode": 0o600}
    text = (tmp_path / "units" / f"{UNIT}.d" / "50-launcher.conf").read_text()
    for line in (
        "User=att-p007",
        "BindPaths=/var/lib/att/projects/p007",
        "ExecStart=/opt/att/releases/1.2.3/venv/bin/python -P -m att.entrypoints.run",
        f"MemoryMax={SPEC.memory_bytes_max}",
        f"TasksMax={SPEC.processes_max}",
        "RuntimeMaxSec=90",
    ):
        assert line in text.splitlines()
    assert "s3cret" not in text
    assert "egress" not in text
    assert list((tmp_path / "launch").iterdir()) == []


def test_a_task_with_a_grant_finds_the_door_of_the_way_out_and_the_grant_in_no_unit(tmp_path: Path) -> None:
    launcher = launcher_at(tmp_path, FakeManager())
    launcher.start(7, SPEC.model_copy(update={"grant": "att1.g.s"}))
    text = (tmp_path / "units" / f"{UNIT}.d" / "50-launcher.conf").read_text()
    assert "BindPaths=-/run/att/egress.sock" in text.splitlines()
    assert "att1." not in text


def test_a_task_started_twice_is_one_task(tmp_path: Path) -> None:
    manager = FakeManager()
    launcher = launcher_at(tmp_path, manager)
    launcher.start(7, SPEC)
    assert launcher.start(7, SPEC)["active"]
    launcher.stop(7, "task_1", TaskKind.TEST)
    assert not launcher.start(7, SPEC)["active"], "one that has ended is not started again"
    assert [asked for asked in manager.asked if asked[0] == "start"] == [["start", UNIT]]


def test_the_same_id_in_another_slot_is_another_task(tmp_path: Path) -> None:
    manager = FakeManager()
    launcher = launcher_at(tmp_path, manager)
    launcher.start(7, SPEC)
    launcher.start(8, SPEC)
    assert manager.running == {UNIT, "att-task@p008-task_1.service"}


def test_a_unit_that_does_not_start_leaves_nothing_behind(tmp_path: Path) -> None:
    launcher = launcher_at(tmp_path, FakeManager(refuses="start"))
    with pytest.raises(Failed, match="cannot start task_1: no room") as refused:
        launcher.start(7, SPEC)
    assert refused.value.code == "task_not_started"
    assert list((tmp_path / "launch").iterdir()) == []
    assert list((tmp_path / "units").iterdir()) == []


def test_only_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    launcher = launcher_at(tmp_path, FakeManager())
    launcher.start(7, SPEC)
    with pytest.raises(Conflict, match="it runs"):
        launcher.forget(7, "task_1", TaskKind.TEST)
    launcher.stop(7, "task_1", TaskKind.TEST)
    launcher.forget(7, "task_1", TaskKind.TEST)
    assert list((tmp_path / "units").iterdir()) == []


@pytest.mark.parametrize("task_id", ["", "../x", "a b", "a/b", "A", "x" * 65, "t%n", "t@x", "t\n"])
def test_an_id_that_would_name_another_unit_is_refused(tmp_path: Path, task_id: str) -> None:
    manager = FakeManager()
    with pytest.raises(InvalidInput):
        launcher_at(tmp_path, manager).state(7, task_id, TaskKind.APP)
    assert manager.asked == []


@pytest.mark.parametrize("refuses", ["", "start"])
def test_a_job_of_building_runs_to_its_end_in_a_unit_of_its_name(tmp_path: Path, refuses: str) -> None:
    manager = FakeManager(refuses=refuses)
    assert launcher_at(tmp_path, manager).build("build_1") is not bool(refuses)
    assert manager.asked == [["start", "att-build@build_1.service"]]
    assert list((tmp_path / "units").iterdir()) == [], "it needs no drop-in: nobody says anything about it but its name"


def test_a_job_of_building_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    manager = FakeManager()
    launcher = launcher_at(tmp_path, manager)
    launcher._command = lambda arguments, seconds: replace(manager(arguments, seconds), code=-9, timed_out=True)
    assert not launcher.build("build_1")
    assert manager.running == set()


@pytest.mark.parametrize("job", ["", "../x", "a b", "A", "x" * 65, "t%n", "t@x", "t\n"])
def test_a_job_that_would_name_another_unit_is_refused(tmp_path: Path, job: str) -> None:
    manager = FakeManager()
    with pytest.raises(InvalidInput):
        launcher_at(tmp_path, manager).build(job)
    assert manager.asked == []


def test_specs_that_a_killed_launcher_left_are_removed(tmp_path: Path) -> None:
    launcher = launcher_at(tmp_path, FakeManager())
    (tmp_path / "launch" / "left.json").write_text("{}")
    launcher.sweep()
    assert list((tmp_path / "launch").iterdir()) == []
