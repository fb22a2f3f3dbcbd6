"""What a task's control group counted becomes its end and a sentence of its log."""

from pathlib import Path

import pytest

from att.workspace.shim.limits import Hits, hits, own_group

COUNTED = {
    "memory.events": "low 0\nhigh 0\nmax 217\noom 3\noom_kill 1\noom_group_kill 0\n",
    "memory.max": f"{64 * 1024 * 1024}\n",
    "pids.events": "max 12\n",
    "pids.max": "32\n",
}


def group(folder: Path, **changed: str) -> Path:
    for name, text in {**COUNTED, **changed}.items():
        (folder / name).write_text(text, encoding="ascii")
    return folder


def test_both_limits_are_named_with_their_numbers_and_what_ended_the_task_last(tmp_path: Path) -> None:
    assert hits(group(tmp_path)).words() == [
        "processes were not started: 32 at once are its limit",
        "ended for want of memory: it took all 64 MiB of its limit",
    ]


def test_a_machine_without_memory_is_not_called_the_tasks_limit(tmp_path: Path) -> None:
    found = hits(group(tmp_path, **{"memory.events": "oom 0\noom_kill 1\n", "pids.events": "max 0\n"}))
    assert found.words() == ["ended for want of memory: the machine had none left"]


@pytest.mark.parametrize(
    ("found", "code", "ended"),
    [
        (Hits(killed=1), -9, True),
        (Hits(killed=1), 137, True),
        (Hits(killed=1), 1, False),
        (Hits(killed=1), 0, False),
        (Hits(killed=1), None, False),
        (Hits(memory=5), -9, False),
    ],
)
def test_a_task_that_went_on_without_what_was_killed_did_not_end_for_it(
    found: Hits, code: int | None, *, ended: bool
) -> None:
    assert found.ended(code) is ended


def test_without_a_group_or_where_it_does_not_count_nothing_happened(tmp_path: Path) -> None:
    assert hits(None) == hits(tmp_path) == Hits()
    assert hits(group(tmp_path, **{"pids.max": "max\n", "memory.max": "max\n"})).words() == [
        "ended for want of memory: the machine had none left"
    ]


def test_the_group_of_a_process_is_the_one_of_the_second_version(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("4:memory:/old\n0::/att.slice/att-task@p001-task_1.service\n", encoding="ascii")
    assert own_group(tmp_path / "cgroup", Path("/sys/fs/cgroup")) == Path(
        "/sys/fs/cgroup/att.slice/att-task@p001-task_1.service"
    )
    (tmp_path / "cgroup").write_text("4:memory:/old\n", encoding="ascii")
    assert own_group(tmp_path / "cgroup") is None
