"""Which jobs start next, what becomes of one that ended: values in, verdict out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from att.jobs.schema import JobProblem, JobState
from att.kernel.errors import AttError

ATTEMPTS_MAX = 10
HEALTHY_SECONDS = 60.0


@dataclass(frozen=True)
class Waiting:
    """An unfinished job that does not run in this process now, oldest first by `seq`."""

    job_id: str
    seq: int
    state: JobState
    exclusive: str | None


def next_jobs(waiting: Sequence[Waiting], *, running: int, taken: Iterable[str], concurrency: int) -> list[str]:
    """Return the jobs to start now.

    Interrupted ones go before queued ones, else the oldest first; of those with one `exclusive` only the first, and
    none while another of the same runs (`taken`).
    """
    busy = set(taken)
    chosen: list[str] = []
    for job in sorted(waiting, key=lambda job: (job.state is not JobState.RUNNING, job.seq)):
        if running + len(chosen) >= concurrency:
            break
        if job.exclusive is None or job.exclusive not in busy:
            chosen.append(job.job_id)
        if job.exclusive is not None:
            busy.add(job.exclusive)
    return chosen


def gives_up(attempts: int) -> bool:
    """Whether a job was started so often without running for a minute that it must be what kills the process."""
    return attempts >= ATTEMPTS_MAX


def is_healthy(ran_seconds: float) -> bool:
    """Whether a run has lasted long enough for its job's attempts to be forgotten."""
    return ran_seconds >= HEALTHY_SECONDS


def problem_of(error: AttError) -> JobProblem:
    """Return the stored form of an error."""
    return JobProblem(
        code=error.code,
        detail=error.detail,
        hint=error.hint,
        field=error.field,
        status=error.status,
        exit_code=error.exit_code,
        data=error.data,
    )


def may_cancel(*, is_owner: bool, is_operator: bool) -> bool:
    """Whether a caller may stop a job: its own, or as operator anybody's."""
    return is_owner or is_operator
