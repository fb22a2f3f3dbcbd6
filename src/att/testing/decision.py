"""Decides what pytest is told, and what a run amounts to: pure, values in, verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass

from att.kernel.errors import InvalidInput
from att.testing.schema import TEXT_CHARS_MAX, Outcome, Report, RunRequest
from att.workspace.schema import Ending

JUNIT, COVERAGE = "junit.xml", "coverage.json"
TESTS, SOURCE = "tests", "src"
_FAILED, _NO_TESTS, _USAGE = 1, 5, 4
_NOT_THERE = "file or directory not found"


@dataclass(frozen=True)
class Ended:
    """How the run's task ended: its exit code, and the end of what it wrote."""

    ending: Ending
    code: int | None
    log: str


def arguments(request: RunRequest, reports: str) -> list[str]:
    """Return pytest's arguments; `reports` is the folder for its reports. Raises InvalidInput(test_target_invalid)."""
    told = [f"--junitxml={reports}/{JUNIT}", "-o", "junit_family=xunit1", "--continue-on-collection-errors", "-v"]
    if request.coverage:
        told += [f"--cov={SOURCE}", f"--cov-report=json:{reports}/{COVERAGE}"]
    else:
        told += ["-p", "no:pytest_cov"]
    if request.markers:
        told += ["-m", request.markers]
    if request.keywords:
        told += ["-k", request.keywords]
    if request.suite is not None:
        told.append(f"{TESTS}/{request.suite.value}")
    return told + [checked(target) for target in request.targets]


def checked(target: str) -> str:
    """Return a target that names something below the project, else raise InvalidInput(test_target_invalid)."""
    path = target.partition("::")[0]
    why = ""
    if not path or len(target) > TEXT_CHARS_MAX:
        why = "it names no file, or is too long"
    elif path.startswith(("-", "/")) or ".." in path.split("/"):
        why = "it must be a path below the project"
    elif not target.isprintable():
        why = "it holds signs that no name has"
    if why:
        raise InvalidInput("test_target_invalid", f"cannot test {target[:100]!r}: {why}", field="targets")
    return target


def outcome_of(ended: Ended, report: Report | None) -> Outcome:
    """Return what a run amounts to; a run without a report is judged by how its task ended."""
    by_ending = {
        Ending.TIMED_OUT: Outcome.TIMED_OUT,
        Ending.STOPPED: Outcome.CANCELLED,
        Ending.LOST: Outcome.INTERRUPTED,
        Ending.KILLED: Outcome.ERROR,
        Ending.OUT_OF_MEMORY: Outcome.ERROR,
    }
    if ended.ending in by_ending:
        return by_ending[ended.ending]
    if ended.code == _NO_TESTS or (ended.code == _USAGE and _NOT_THERE in ended.log):
        return Outcome.EMPTY
    if report is None or ended.code not in (0, _FAILED):
        return Outcome.ERROR
    if report.counts.errors:
        return Outcome.ERROR
    if report.counts.failed or ended.code == _FAILED:
        return Outcome.FAILED
    return Outcome.PASSED if report.counts.total else Outcome.EMPTY


def problem_of(outcome: Outcome, ended: Ended, report: Report | None, timeout_seconds: float) -> str | None:
    """Return why a run has no result of its own, in one sentence; None for one that has."""
    if outcome is Outcome.TIMED_OUT:
        return f"the tests did not end within {timeout_seconds:g} s and were killed with all they had started"
    if outcome is Outcome.INTERRUPTED:
        return "the tests were lost with the machine"
    if ended.ending is Ending.OUT_OF_MEMORY:
        return last_words(ended.log, lines_max=1)
    if outcome is Outcome.ERROR and report is None:
        return last_words(ended.log) or f"pytest ended with {ended.code} and left no report"
    return None


def last_words(log: str, lines_max: int = 20, chars_max: int = 4_000) -> str:
    """Return the end of a log: its last lines that say anything."""
    lines: Sequence[str] = [line for line in log.splitlines() if line.strip()]
    return "\n".join(lines[-lines_max:])[-chars_max:]
