"""Gathers test cases into a report of bounded size."""

import heapq
from dataclasses import dataclass
from enum import StrEnum

from att.testing.schema import Counts, Failure, Report, Slow

FAILURES_MAX = 200
SLOWEST_MAX = 10
TRACEBACK_CHARS_MAX = 8_000
MESSAGE_CHARS_MAX = 1_000
NAME_CHARS_MAX = 512


class Kind(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Case:
    """One test as a report tells it."""

    test: str
    kind: Kind
    seconds: float
    message: str = ""
    text: str = ""
    file: str | None = None
    line: int | None = None


class Gatherer:
    """Counts all cases, keeps the first failures and the slowest."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._failures: list[Failure] = []
        self._dropped = 0
        self._seconds = 0.0
        self._slowest: list[tuple[float, str]] = []

    def add(self, case: Case) -> None:
        """Take one case in."""
        counts = self._counts
        counts.total += 1
        counts.passed += case.kind is Kind.PASSED
        counts.failed += case.kind is Kind.FAILED
        counts.errors += case.kind is Kind.ERROR
        counts.skipped += case.kind is Kind.SKIPPED
        self._seconds += case.seconds
        heapq.heappush(self._slowest, (case.seconds, case.test[:NAME_CHARS_MAX]))
        if len(self._slowest) > SLOWEST_MAX:
            heapq.heappop(self._slowest)
        if case.kind in (Kind.FAILED, Kind.ERROR):
            self._failed(case)

    def report(self) -> Report:
        """Return what was gathered."""
        slowest = [Slow(test=test, seconds=seconds) for seconds, test in sorted(self._slowest, reverse=True)]
        return Report(
            counts=self._counts,
            seconds=round(self._seconds, 3),
            failures=self._failures,
            failures_dropped=self._dropped,
            slowest=slowest,
        )

    def _failed(self, case: Case) -> None:
        if len(self._failures) >= FAILURES_MAX:
            self._dropped += 1
            return
        message = case.message or next((line for line in case.text.splitlines() if line.strip()), "it did not pass")
        self._failures.append(
            Failure(
                test=case.test[:NAME_CHARS_MAX],
                file=None if case.file is None else case.file[:NAME_CHARS_MAX],
                line=case.line,
                message=message[:MESSAGE_CHARS_MAX],
                traceback=case.text[-TRACEBACK_CHARS_MAX:],
                seconds=case.seconds,
                error=case.kind is Kind.ERROR,
            )
        )
