import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.errors import AttError, InvalidInput
from att.testing.decision import Ended, arguments, checked, last_words, outcome_of, problem_of
from att.testing.schema import Counts, Outcome, Report, RunRequest, Suite
from att.workspace.schema import Ending

ENDED = st.builds(Ended, st.sampled_from(Ending), st.none() | st.integers(-15, 6), st.text(max_size=20))
REPORTS = st.none() | st.builds(
    Report,
    counts=st.builds(Counts, total=st.integers(0, 9), failed=st.integers(0, 2), errors=st.integers(0, 2)),
)


def _exited(code: int, log: str = "") -> Ended:
    return Ended(Ending.EXITED, code, log)


def _report(**counts: int) -> Report:
    return Report(counts=Counts(**counts))


@pytest.mark.parametrize(
    ("ended", "report", "outcome"),
    [
        (_exited(0), _report(total=2, passed=2), Outcome.PASSED),
        (_exited(1), _report(total=2, failed=1), Outcome.FAILED),
        (_exited(1), _report(total=2, errors=1, failed=1), Outcome.ERROR),
        (_exited(1), _report(total=2, passed=2), Outcome.FAILED),
        (_exited(2), _report(total=1, errors=1), Outcome.ERROR),
        (_exited(3), None, Outcome.ERROR),
        (_exited(4, "ERROR: usage"), None, Outcome.ERROR),
        (_exited(4, "ERROR: file or directory not found: tests/e2e"), None, Outcome.EMPTY),
        (_exited(5), _report(), Outcome.EMPTY),
        (_exited(0), _report(), Outcome.EMPTY),
        (_exited(0), None, Outcome.ERROR),
        (Ended(Ending.TIMED_OUT, -9, ""), None, Outcome.TIMED_OUT),
        (Ended(Ending.STOPPED, -15, ""), None, Outcome.CANCELLED),
        (Ended(Ending.KILLED, -9, ""), None, Outcome.ERROR),
        (Ended(Ending.OUT_OF_MEMORY, -9, ""), Report(counts=Counts(total=1, passed=1)), Outcome.ERROR),
        (Ended(Ending.LOST, None, ""), None, Outcome.INTERRUPTED),
    ],
)
def test_a_run_is_judged_by_its_end_and_its_report(ended: Ended, report: Report | None, outcome: Outcome) -> None:
    assert outcome_of(ended, report) is outcome


@given(ENDED, REPORTS)
def test_no_run_with_a_failure_passes_and_none_is_still_running(ended: Ended, report: Report | None) -> None:
    outcome = outcome_of(ended, report)
    assert outcome is not Outcome.RUNNING
    if outcome is Outcome.PASSED:
        assert report is not None
        assert not report.counts.failed + report.counts.errors
        assert (ended.ending, ended.code) == (Ending.EXITED, 0)


def test_a_run_without_a_result_says_why() -> None:
    assert "within 5 s" in str(problem_of(Outcome.TIMED_OUT, Ended(Ending.TIMED_OUT, None, ""), None, 5))
    out_of_memory = Ended(Ending.OUT_OF_MEMORY, -9, "test_a PASSED\natt-run: ended for want of memory: so it is\n")
    assert problem_of(Outcome.ERROR, out_of_memory, Report(), 5) == "att-run: ended for want of memory: so it is"
    assert "machine" in str(problem_of(Outcome.INTERRUPTED, Ended(Ending.LOST, None, ""), None, 5))
    assert problem_of(Outcome.ERROR, _exited(3, "one\n\nINTERNALERROR\n"), None, 5) == "one\nINTERNALERROR"
    assert problem_of(Outcome.ERROR, _exited(3), None, 5) == "pytest ended with 3 and left no report"
    assert problem_of(Outcome.ERROR, _exited(1), _report(errors=1), 5) is None
    assert problem_of(Outcome.PASSED, _exited(0), _report(total=1), 5) is None


def test_pytest_is_told_what_was_asked_for() -> None:
    asked = RunRequest(
        project_id="one", suite=Suite.UNIT, targets=["tests/x.py::test_y"], markers="not slow", keywords="a or b"
    )
    told = arguments(asked, "/out")
    assert told[-2:] == ["tests/unit", "tests/x.py::test_y"]
    assert told[told.index("-m") + 1] == "not slow"
    assert told[told.index("-k") + 1] == "a or b"
    assert {"--junitxml=/out/junit.xml", "--cov=src", "--cov-report=json:/out/coverage.json"} <= set(told)
    plain = arguments(RunRequest(project_id="one", coverage=False), "/out")
    assert not [word for word in plain if word.startswith("--cov")]


@pytest.mark.parametrize("target", ["-p evil", "--co", "/etc", "../x.py", "a/../../b", "", "::test", "a\nb", "x" * 600])
def test_a_target_outside_the_project_or_an_option_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput) as told:
        checked(target)
    assert (told.value.code, told.value.field) == ("test_target_invalid", "targets")


@given(st.text(max_size=40))
def test_no_target_is_taken_for_an_option_or_leaves_the_project(target: str) -> None:
    try:
        taken = checked(target)
    except AttError:
        return
    assert not taken.startswith(("-", "/"))
    assert ".." not in taken.partition("::")[0].split("/")


@given(st.text(max_size=200))
def test_last_words_are_bounded(log: str) -> None:
    assert len(last_words(log, lines_max=3, chars_max=50)) <= 50
