"""Checks of pull requests: which run, what they say, what a restart makes of them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from tests.fakes.forging import ANN, BEA, Forging, forging, over

from att.forge.check_tasks import verdict
from att.forge.checks_file import CHECKS_MAX, parse, required
from att.forge.schema import Check, CheckState, PullRequest, PullState
from att.kernel.errors import AttError
from att.workspace.schema import Ending, TaskKind, TaskState

pytestmark = pytest.mark.anyio

PASSING = """
checks:
  words:
    run: echo "in $PWD on $TOWN" && cat file.txt
    program: plain
"""
CHOOSY = """
checks:
  words: {run: "grep -q good file.txt", program: plain}
  style: {run: "exit 3", program: plain, required: false}
"""


LONG = """
checks:
  words: {run: "sleep 600", program: plain}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path, checks=True) as made:
        yield made


async def with_checks(world: Forging, text: str) -> None:
    """Have the target branch demand checks."""
    await world.branch("rules", ".att/checks.yaml", text)
    rules = await opened_pull(world, "rules")
    await world.forge.pulls.approve(world.place, BEA, rules.number)
    await world.forge.pulls.merge(world.place, BEA, rules.number, message=None)
    await world.forge.repositories.fetch(world.place)


async def opened_pull(world: Forging, head: str) -> PullRequest:
    return await world.forge.pulls.create(world.place, ANN, head=head, base=None, title=head, body="")


async def ended(world: Forging, number: int) -> dict[str, Check]:
    """Wait until all checks of the head have ended."""
    with anyio.fail_after(30):
        while True:
            found = await world.forge.pulls.checks(world.place, number)
            if found and all(check.state.final for check in found):
                return {check.name: check for check in found}
            await anyio.sleep(0.02)


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not true():  # noqa: ASYNC110 - what it waits for has no event
            await anyio.sleep(0.02)


async def merged(world: Forging, number: int) -> PullRequest:
    await world.forge.pulls.approve(world.place, BEA, number)
    return await world.forge.pulls.merge(world.place, BEA, number, message=None)


async def refusal(world: Forging, number: int) -> AttError:
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.merge(world.place, BEA, number, message=None)
    return refused.value


async def test_a_check_runs_on_a_fresh_checkout_and_its_log_is_read_by_offset(world: Forging) -> None:
    await with_checks(world, PASSING)
    await world.branch("towns", content="of the head\n", start="origin/main")
    world.write("file.txt", "not committed\n")
    pull = await opened_pull(world, "towns")

    check = (await ended(world, pull.number))["words"]
    shown, log, end = await world.forge.checks.run_log(world.place, check.id, offset=0, limit=1000)
    _, rest, _ = await world.forge.checks.run_log(world.place, check.id, offset=end - 4, limit=1000)

    assert (check.state, check.code, shown.id) == (CheckState.PASSED, 0, check.id)
    assert log.decode().endswith("on Rome\nof the head\n")
    assert str(world.place.work) not in log.decode()
    assert rest == b"ead\n"


async def test_a_finished_check_leaves_no_checkout(world: Forging) -> None:
    await with_checks(world, PASSING)
    await world.branch("towns", start="origin/main")
    await ended(world, (await opened_pull(world, "towns")).number)
    await until(lambda: not list((world.place.home / "checks").iterdir()))


async def test_a_failed_required_check_refuses_the_merge_until_a_new_head_passes(world: Forging) -> None:
    await with_checks(world, CHOOSY)
    await world.branch("towns", content="bad\n", start="origin/main")
    pull = await opened_pull(world, "towns")
    checks = await ended(world, pull.number)
    assert (checks["words"].state, checks["words"].code) == (CheckState.FAILED, 1)
    assert checks["style"].detail == "ended with 3"
    refused = await refusal(world, pull.number)
    assert (refused.code, refused.data) == ("checks_failed", {"checks": ["words"]})

    commit = await world.commit("file.txt", "good\n")
    await world.forge.repositories.push(world.place, branch="towns", commit=commit)
    assert (await ended(world, pull.number))["words"].commit == commit
    assert (await merged(world, pull.number)).state is PullState.MERGED


async def test_checks_run_again_count_instead_of_their_last_run(world: Forging) -> None:
    await with_checks(world, CHOOSY)
    await world.branch("towns", content="good\n", start="origin/main")
    pull = await opened_pull(world, "towns")
    first = await ended(world, pull.number)
    asked = await world.forge.pulls.rerun(world.place, pull.number, ["style", "style"])
    assert {one.name: one.state.final for one in asked} == {"words": True, "style": False}
    second = await ended(world, pull.number)
    assert (second["words"].id, second["style"].id == first["style"].id) == (first["words"].id, False)
    await world.forge.pulls.rerun(world.place, pull.number, [])
    third = await ended(world, pull.number)
    assert {one.id for one in third.values()} & {one.id for one in second.values()} == set()
    assert len(await world.forge.checks.runs(world.place, branch="towns", limit=10)) == 5


async def test_a_check_that_still_runs_is_not_started_again(world: Forging) -> None:
    await with_checks(world, PASSING)
    world.tasks.gate = anyio.Event()
    await world.branch("towns", start="origin/main")
    pull = await opened_pull(world, "towns")
    await until(lambda: len(world.tasks.started) > 0)
    await world.forge.pulls.rerun(world.place, pull.number, [])
    world.tasks.gate.set()
    await ended(world, pull.number)
    assert len(await world.forge.checks.runs(world.place, branch="towns", limit=10)) == 1


async def test_a_rerun_names_checks_that_are_there_of_a_pull_request_that_is_open(world: Forging) -> None:
    await with_checks(world, PASSING)
    await world.branch("towns", start="origin/main")
    pull = await opened_pull(world, "towns")
    await ended(world, pull.number)
    with pytest.raises(AttError) as unknown:
        await world.forge.pulls.rerun(world.place, pull.number, ["words", "none"])
    assert unknown.value.code == "check_unknown"
    await merged(world, pull.number)
    with pytest.raises(AttError) as over_now:
        await world.forge.pulls.rerun(world.place, pull.number, [])
    assert over_now.value.code == "pr_ended"


async def test_a_check_that_runs_is_ended_with_its_pull_request(world: Forging) -> None:
    await with_checks(world, LONG)
    await world.branch("towns", start="origin/main")
    pull = await opened_pull(world, "towns")
    await until(lambda: len(world.tasks.started) > 0)
    await world.forge.pulls.close(world.place, pull.number)
    (check,) = await world.forge.pulls.checks(world.place, pull.number)
    assert (check.state, check.detail) == (CheckState.ERROR, "its pull request was closed")
    state = await world.tasks.state(world.place, world.tasks.started[-1])
    assert state.ending is Ending.STOPPED


async def test_checks_that_still_run_refuse_the_merge(world: Forging) -> None:
    await with_checks(world, PASSING)
    world.tasks.gate = anyio.Event()
    await world.branch("towns", start="origin/main")
    pull = await opened_pull(world, "towns")
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    assert (await refusal(world, pull.number)).code == "checks_missing"
    world.tasks.gate.set()
    await ended(world, pull.number)
    assert (await merged(world, pull.number)).state is PullState.MERGED


async def test_the_rules_are_the_target_branch_s_not_the_head_s(world: Forging) -> None:
    await with_checks(world, CHOOSY)
    await world.branch("sly", ".att/checks.yaml", "checks: {}\n", start="origin/main")
    pull = await opened_pull(world, "sly")
    assert set(await ended(world, pull.number)) == {"words", "style"}
    assert (await refusal(world, pull.number)).code == "checks_failed"


async def test_an_unreadable_file_of_the_target_branch_refuses_the_merge_and_says_where(world: Forging) -> None:
    await with_checks(world, "checks:\n  words: [\n")
    await world.branch("towns", start="origin/main")
    pull = await opened_pull(world, "towns")
    refused = await refusal(world, pull.number)
    assert refused.code == "checks_invalid"
    assert "line 3" in refused.detail


async def test_a_restarted_process_goes_on_with_a_check_and_starts_it_no_second_time(tmp_path: Path) -> None:
    async with forging(tmp_path, checks=True) as world:
        await with_checks(world, PASSING)
        world.tasks.gate = anyio.Event()
        await world.branch("towns", start="origin/main")
        pull = await opened_pull(world, "towns")
        await until(lambda: len(world.tasks.started) > 0)
        world.forge.stop()
        again = over(tmp_path, world.store, world.place, world.agents, world.tasks, world.bus, world.clock)
        async with anyio.create_task_group() as group:
            group.start_soon(again.forge.run)
            world.tasks.gate.set()
            found = await ended(again, pull.number)
            again.forge.stop()
        assert found["words"].state is CheckState.PASSED
        assert len(world.tasks.started) == 1


async def test_runs_are_listed_newest_first_and_none_without_checks(world: Forging) -> None:
    assert await world.forge.checks.runs(world.place, branch=None, limit=10) == []
    await with_checks(world, CHOOSY)
    await world.branch("towns", content="good\n", start="origin/main")
    await ended(world, (await opened_pull(world, "towns")).number)
    runs = await world.forge.checks.runs(world.place, branch="towns", limit=10)
    assert sorted(run.name for run in runs) == ["style", "words"]
    assert await world.forge.checks.runs(world.place, branch="other", limit=10) == []


async def test_the_log_of_an_unknown_run_is_refused(world: Forging) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.checks.run_log(world.place, "run_none", offset=0, limit=10)
    assert refused.value.code == "run_unknown"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"checks: 7", "checks: "),
        (b"checks:\n  Words: {run: x}", "the name 'Words'"),
        (b"checks:\n  words: {}", "checks.words.run: field required"),
        (b"checks:\n  words: {run: x, program: att}", "must be nat or plain"),
        (b"checks:\n  words: {run: x, extra: 1}", "checks.words.extra"),
        (b"checks:\n  words: {run: x, timeout_seconds: 0}", "timeout_seconds"),
        (b"a: &a [*a]", "checks: field required"),
        (b"", "the file: "),
        (b"\xff\xfe\x00", "checks.yaml"),
        (b"!!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("checks: {" + ", ".join(f"c{n}: {{run: x}}" for n in range(CHECKS_MAX + 1)) + "}", "at most"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text: bytes | str, told: str) -> None:
    with pytest.raises(AttError) as refused:
        parse(text if isinstance(text, bytes) else text.encode())
    assert refused.value.code == "checks_invalid"
    assert told in refused.value.detail


def test_a_missing_file_demands_nothing() -> None:
    assert parse(None) == {}


def test_only_required_checks_must_pass() -> None:
    assert required(parse(CHOOSY.encode())) == ["words"]


@pytest.mark.parametrize(
    ("ending", "code", "state"),
    [
        (Ending.EXITED, 0, CheckState.PASSED),
        (Ending.EXITED, 1, CheckState.FAILED),
        (Ending.TIMED_OUT, -15, CheckState.FAILED),
        (Ending.KILLED, -9, CheckState.FAILED),
        (Ending.OUT_OF_MEMORY, -9, CheckState.FAILED),
        (Ending.STOPPED, -15, CheckState.ERROR),
        (Ending.LOST, None, CheckState.ERROR),
        (None, None, CheckState.ERROR),
    ],
)
def test_only_an_exit_with_0_passes(ending: Ending | None, code: int | None, state: CheckState) -> None:
    task = TaskState(task_id="task_1", kind=TaskKind.CHECK, ending=ending, code=code)
    assert verdict(task)[0] is state
