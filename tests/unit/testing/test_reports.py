import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.testing.junit import Unreadable
from att.testing.reports import read_coverage, read_pytest_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
PYTEST = {
    "collectors": [
        {"nodeid": "tests", "outcome": "passed"},
        {"nodeid": "tests/test_broken.py", "outcome": "failed", "longrepr": "E   SyntaxError: invalid syntax"},
    ],
    "tests": [
        {"nodeid": "tests/test_a.py::test_good", "outcome": "passed", "call": {"duration": 0.5, "outcome": "passed"}},
        {
            "nodeid": "tests/test_a.py::test_bad",
            "outcome": "failed",
            "setup": {"duration": 0.25, "outcome": "passed"},
            "call": {
                "duration": 0.5,
                "outcome": "failed",
                "crash": {"path": "tests/test_a.py", "lineno": 7, "message": "assert 1 == 2"},
                "longrepr": "> assert 1 == 2",
            },
        },
        {"nodeid": "tests/test_a.py::test_later", "outcome": "skipped"},
    ],
}


def test_a_json_report_is_counted_and_its_failures_located() -> None:
    report = read_pytest_json(json.dumps(PYTEST).encode())
    assert report.counts.model_dump() == {"total": 4, "passed": 1, "failed": 1, "errors": 1, "skipped": 1}
    broken, bad = report.failures
    assert (broken.test, broken.error) == ("tests/test_broken.py", True)
    assert (bad.file, bad.line, bad.message, bad.seconds) == ("tests/test_a.py", 7, "assert 1 == 2", 0.75)
    assert report.seconds == 1.25


@given(JSON, JSON)
def test_any_json_is_read_or_unreadable(tests: Any, collectors: Any) -> None:
    for document in (tests, {"tests": tests, "collectors": collectors}, {"tests": [tests, {"call": tests}]}):
        data = json.dumps(document).encode()
        if isinstance(document, dict):
            counts = read_pytest_json(data).counts
            assert counts.total == counts.passed + counts.failed + counts.errors + counts.skipped
        else:
            with pytest.raises(Unreadable):
                read_pytest_json(data)


def test_coverage_below_its_threshold_is_flagged() -> None:
    data = json.dumps({"totals": {"percent_covered": 79.996, "covered_lines": 80, "missing_lines": 20}}).encode()
    found = read_coverage(data, 80.01)
    assert (found.percent, found.covered_lines, found.missing_lines) == (80.0, 80, 20)
    assert found.below_threshold
    assert not read_coverage(data, 80.0).below_threshold
    assert not read_coverage(data, None).below_threshold


@given(JSON)
def test_any_coverage_report_is_read_or_unreadable(totals: Any) -> None:
    try:
        found = read_coverage(json.dumps({"totals": {"percent_covered": totals}}).encode(), 50)
    except Unreadable:
        return
    assert 0 <= found.percent <= 100


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"{}", b'{"totals": {"percent_covered": 101}}', b"\xff"])
def test_what_is_no_coverage_report_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_coverage(data, None)
