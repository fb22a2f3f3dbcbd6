"""What crosses the wire: what is to be tested, and what came of it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

TIMEOUT_SECONDS = 600.0
TIMEOUT_SECONDS_MAX = 3600.0
TARGETS_MAX = 100
TEXT_CHARS_MAX = 512


class Suite(StrEnum):
    """The folders of a project's tests."""

    UNIT = "unit"
    PROPERTY = "property"
    INTEGRATION = "integration"
    E2E = "e2e"


class Outcome(StrEnum):
    """EMPTY: there was no test. ERROR: pytest could not run, or a test file could not be read."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    EMPTY = "empty"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Counts(BaseModel):
    """How many tests ended in which way."""

    total: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0


class Failure(BaseModel):
    """One test that did not pass; `error` says that it broke outside of its own code (a fixture, a syntax error)."""

    test: str
    file: str | None = None
    line: int | None = None
    message: str
    traceback: str = ""
    seconds: float = 0.0
    error: bool = False


class Slow(BaseModel):
    """One of the slowest tests."""

    test: str
    seconds: float


class Coverage(BaseModel):
    """How much of the code ran; `below_threshold` is the flag for less than was asked for."""

    percent: float
    covered_lines: int
    missing_lines: int
    threshold: float | None = None
    below_threshold: bool = False


class Report(BaseModel):
    """What a run found. At most the first failures are told; `failures_dropped` counts the others."""

    counts: Counts = Field(default_factory=Counts)
    seconds: float = 0.0
    failures: list[Failure] = Field(default_factory=list)
    failures_dropped: int = 0
    slowest: list[Slow] = Field(default_factory=list)
    coverage: Coverage | None = None
    problem: str | None = None


class TestRun(BaseModel):
    """One run of a project's tests."""

    __test__ = False

    id: str
    project_id: str
    task_id: str
    outcome: Outcome
    suite: Suite | None = None
    targets: list[str] = Field(default_factory=list)
    markers: str | None = None
    started: datetime
    ended: datetime | None = None
    report: Report = Field(default_factory=Report)


class RunSummary(BaseModel):
    """One run in the history."""

    id: str
    outcome: Outcome
    suite: Suite | None = None
    targets: list[str] = Field(default_factory=list)
    markers: str | None = None
    counts: Counts
    seconds: float
    coverage_percent: float | None = None
    started: datetime
    ended: datetime | None = None


class RunPage(BaseModel):
    """A page of runs, newest first; `next_cursor` is null on the last one."""

    runs: list[RunSummary]
    next_cursor: str | None


class ProjectRequest(BaseModel):
    """Which project."""

    model_config = ConfigDict(extra="forbid")

    project_id: str = Field(description="the project's id or slug")


class RunRequest(ProjectRequest):
    """Which tests to run: all, a suite, files, functions, markers."""

    suite: Suite | None = Field(default=None, description="only the tests of this folder of tests/")
    targets: list[str] = Field(
        default_factory=list,
        max_length=TARGETS_MAX,
        description="files, folders or tests: tests/unit/test_a.py::test_b",
    )
    markers: str | None = Field(
        default=None, max_length=TEXT_CHARS_MAX, description="pytest's expression of markers: `slow and not net`"
    )
    keywords: str | None = Field(
        default=None, max_length=TEXT_CHARS_MAX, description="pytest's expression of words in names"
    )
    timeout_seconds: float = Field(
        default=TIMEOUT_SECONDS, gt=0, le=TIMEOUT_SECONDS_MAX, description="then everything that runs is killed"
    )
    coverage: bool = Field(default=True, description="measure how much of the code runs")
    coverage_threshold: float | None = Field(
        default=None, ge=0, le=100, description="percent of the code that should run; less is flagged"
    )


class ResultsRequest(ProjectRequest):
    """Which run: the latest, or the one of that id."""

    run_id: str | None = Field(default=None, max_length=64, description="the id of a run; else the latest")


class HistoryRequest(ProjectRequest):
    """Which runs to list, newest first."""

    cursor: str | None = Field(default=None, max_length=32, description="`next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=200, description="runs a page")
