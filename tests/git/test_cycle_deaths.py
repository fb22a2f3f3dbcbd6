"""A cycle whose process dies at every step, before or after its effect: each effect happens once, and it ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from tests.fakes.engine import FakeEngine
from tests.fakes.forging import ANN, Told, plain_git
from tests.fakes.selfmade import Selfmade, make_seed, selfmade

from att.bootstrap.decision import CycleOutcome, Done, Rules, Step, Undo
from att.bootstrap.probing import Course, Seen
from att.bootstrap.schema import BootstrapRun, FileEdit
from att.bootstrap.steps import Steps
from att.bootstrap.undoing import Undoing

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

SAID = "src/att/words/said.py"
REQUEST = BootstrapRun(title="Say more", edits=[FileEdit(path=SAID, content='SAID = "Hello, world"\n')])


class Killed(BaseException):
    """The end of the process: nothing that follows runs, as after kill -9."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Selfmade]:
    engine = FakeEngine(base=make_seed(tmp_path), approves=lambda _: True)
    async with selfmade(tmp_path, engine, works=True) as made:
        yield made


async def carried(world: Selfmade, course: Course) -> Done:
    """Run a course as often as it takes: what one process remembered the next one knows."""
    with anyio.fail_after(170):
        while True:
            try:
                return await world.runner.run(course)
            except Killed:
                continue


def dies_everywhere(monkeypatch: pytest.MonkeyPatch, when: Literal["before", "after"]) -> set[str]:
    """Have the process die once at each step; returns the names of those where it did."""
    died: set[str] = set()

    def killing(method: Any) -> Any:
        async def done(rooms: Any, what: Step | Undo, course: Course, seen: Seen) -> Any:
            first = what.value not in died
            died.add(what.value)
            if first and when == "before":
                raise Killed
            result = await method(rooms, what, course, seen)
            if first:
                raise Killed
            return result

        return done

    monkeypatch.setattr(Steps, "take", killing(Steps.take))
    monkeypatch.setattr(Undoing, "undo", killing(Undoing.undo))
    return died


@pytest.mark.parametrize(
    ("verdict", "when"),
    [
        ("committed", "after"),
        ("rolled_back", "before"),
        pytest.param("committed", "before", marks=pytest.mark.long),
        pytest.param("rolled_back", "after", marks=pytest.mark.long),
    ],
)
async def test_every_effect_happens_once_wherever_the_process_dies(
    world: Selfmade,
    monkeypatch: pytest.MonkeyPatch,
    when: Literal["before", "after"],
    verdict: Literal["committed", "rolled_back"],
) -> None:
    world.engine.verdict = verdict
    died = dies_everywhere(monkeypatch, when)
    job = Told()
    done = await carried(world, Course("job_1", ANN, job, Rules(), REQUEST))

    kept = verdict == "committed"
    assert done.outcome is (CycleOutcome.RELEASED if kept else CycleOutcome.ROLLED_BACK)
    left = {"remove_branch", "leave_worktree"} | (set() if kept else {"comment", "revert"})
    # What is there at once nobody waits for: the small check's end, the verdict of an engine in memory.
    assert died >= ({step.value for step in Step} - {"checks", "health"}) | left
    place = await world.project.place()
    main = plain_git(await world.bare(), "--git-dir=.", "log", "--format=%s", "--first-parent", "main").splitlines()
    assert main == ["Merge pull request #1: Say more", "Second", "First"]
    made = plain_git(await world.bare(), "--git-dir=.", "log", "--format=%s", "main^1..main^2").splitlines()
    assert made == ["Say more"]
    pulls = await world.pulls.page(place, state=None, limit=9, before=None)
    assert [one.head for one in pulls] == (["bootstrap/job_1"] if kept else ["revert/1", "bootstrap/job_1"])
    assert len(await world.pulls.comments(place, 1)) == (0 if kept else 1)
    assert len(world.engine.released) == 1
    assert [one["step"] for one in job.memory["steps"]] == [step.value for step in Step]
    assert job.memory["number"] == 1
    assert plain_git(place.work, "branch", "--format=%(refname:short)").split() == ["main"]
