import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.jobs.decision import ATTEMPTS_MAX, Waiting, gives_up, is_healthy, may_cancel, next_jobs, problem_of
from att.jobs.schema import JobState
from att.kernel.errors import InvalidInput

QUEUED, RUNNING = JobState.QUEUED, JobState.RUNNING


def _waiting(*rows: tuple[str, JobState, str | None]) -> list[Waiting]:
    return [Waiting(job_id, seq, state, exclusive) for seq, (job_id, state, exclusive) in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "running", "taken", "expected"),
    [
        ([], 0, [], []),
        ([("a", QUEUED, None), ("b", QUEUED, None), ("c", QUEUED, None)], 0, [], ["a", "b"]),
        ([("a", QUEUED, None), ("b", QUEUED, None)], 1, [], ["a"]),
        ([("a", QUEUED, None)], 2, [], []),
        ([("a", QUEUED, None), ("b", RUNNING, None)], 0, [], ["b", "a"]),
        ([("a", QUEUED, "x"), ("b", QUEUED, "x"), ("c", QUEUED, None)], 0, [], ["a", "c"]),
        ([("a", QUEUED, "x"), ("b", QUEUED, "y")], 1, ["x"], ["b"]),
        ([("a", QUEUED, "x"), ("b", RUNNING, "x")], 0, [], ["b"]),
    ],
)
def test_interrupted_jobs_first_then_the_oldest_and_one_of_an_exclusive_kind(
    rows: list[tuple[str, JobState, str | None]], running: int, taken: list[str], expected: list[str]
) -> None:
    assert next_jobs(_waiting(*rows), running=running, taken=taken, concurrency=2) == expected


@given(
    st.lists(st.tuples(st.sampled_from([QUEUED, RUNNING]), st.sampled_from([None, "x", "y"])), max_size=12),
    st.integers(min_value=0, max_value=5),
    st.sets(st.sampled_from(["x", "y"])),
)
def test_never_too_many_and_never_two_of_one_kind(
    rows: list[tuple[JobState, str | None]], running: int, taken: set[str]
) -> None:
    waiting = _waiting(*((str(at), *row) for at, row in enumerate(rows)))
    chosen = next_jobs(waiting, running=running, taken=taken, concurrency=4)
    kinds = [job.exclusive for job in waiting if job.job_id in chosen and job.exclusive]
    assert len(chosen) + min(running, 4) <= 4
    assert len(kinds) == len(set(kinds))
    assert not taken & set(kinds)
    if running == 0 and waiting and not taken:
        assert chosen


def test_a_job_that_takes_the_process_down_is_given_up_unless_it_ran_for_a_minute() -> None:
    assert not gives_up(ATTEMPTS_MAX - 1)
    assert gives_up(ATTEMPTS_MAX)
    assert is_healthy(60.0)
    assert not is_healthy(59.9)


def test_a_problem_keeps_what_the_error_says() -> None:
    problem = problem_of(InvalidInput("invalid_input", "cannot", field="a.b", data={"n": 1}, hint="do"))
    assert problem.model_dump() == {
        "code": "invalid_input",
        "detail": "cannot",
        "hint": "do",
        "field": "a.b",
        "status": 422,
        "exit_code": 2,
        "data": {"n": 1},
    }


@pytest.mark.parametrize(("is_owner", "is_operator", "may"), [(1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 0)])
def test_ones_own_job_or_an_operators_any(is_owner: int, is_operator: int, may: int) -> None:
    assert may_cancel(is_owner=bool(is_owner), is_operator=bool(is_operator)) is bool(may)
