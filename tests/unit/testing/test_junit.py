from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.testing import junit
from att.testing.gather import FAILURES_MAX, TRACEBACK_CHARS_MAX
from att.testing.junit import Unreadable, read_junit

REPORT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5" time="0.1">
<testcase classname="tests.unit.test_a" name="test_good" file="tests/unit/test_a.py" line="3" time="0.010" />
<testcase classname="tests.unit.test_a.TestB" name="test_bad[x-1]" file="tests/unit/test_a.py" line="9" time="0.5">
<failure message="assert 1 == 2">    def test_bad():
&gt;       helper()

tests/unit/test_a.py:12:
_ _ _
src/app/helper.py:5: in helper
    check()
tests/unit/test_a.py:17: AssertionError</failure><system-out>said</system-out></testcase>
<testcase classname="tests.unit.test_a" name="test_later" file="tests/unit/test_a.py" line="20" time="0">
<skipped type="pytest.skip" message="later">tests/unit/test_a.py:21: later</skipped></testcase>
<testcase classname="" name="tests.unit.test_broken" time="0.000">
<error message="collection failure">tests/unit/test_broken.py:1: in &lt;module&gt;
E     File "/w/tests/unit/test_broken.py", line 7
E       def
E   SyntaxError: invalid syntax</error></testcase>
<testcase classname="tests.unit.test_a" name="test_fixture" file="tests/unit/test_a.py" line="30" time="0.2">
<error message="failed on setup with &quot;KeyError: 'x'&quot;">KeyError</error></testcase>
</testsuite></testsuites>"""

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)
KINDS = st.sampled_from(["", "failure", "error", "skipped"])


def test_a_file_that_is_named_by_its_whole_path_is_named_below_the_project() -> None:
    error = "<error message='m'>E     File \"/w/tests/test_x.py\", line 7</error>"
    [failure] = read_junit(f"<t><testcase classname='' name='x'>{error}</testcase></t>".encode(), "/w/").failures
    assert (failure.test, failure.file, failure.line) == ("tests/test_x.py", "tests/test_x.py", 7)


def test_a_report_is_counted_and_its_failures_located() -> None:
    report = read_junit(REPORT)
    assert report.counts.model_dump() == {"total": 5, "passed": 1, "failed": 1, "errors": 2, "skipped": 1}
    bad, broken, fixture = report.failures
    assert (bad.test, bad.file, bad.line) == ("tests/unit/test_a.py::TestB::test_bad[x-1]", "tests/unit/test_a.py", 17)
    assert (bad.message, bad.seconds, bad.error) == ("assert 1 == 2", 0.5, False)
    assert "helper()" in bad.traceback
    assert (broken.test, broken.line, broken.error) == ("tests/unit/test_broken.py", 7, True)
    assert "SyntaxError" in broken.traceback
    assert (fixture.test, fixture.line) == ("tests/unit/test_a.py::test_fixture", 31)
    assert (report.seconds, report.slowest[0].test) == (0.71, bad.test)


@given(st.lists(st.tuples(NAMES, KINDS, NAMES), max_size=20))
def test_whatever_a_suite_holds_the_counts_add_up(cases: list[tuple[str, str, str]]) -> None:
    lines = [
        f"<testcase classname='c' name={quoteattr(name)} time='0.5'>"
        + (f"<{kind} message={quoteattr(text)}>{escape(text)}</{kind}>" if kind else "")
        + "</testcase>"
        for name, kind, text in cases
    ]
    report = read_junit(f"<testsuite>{''.join(lines)}</testsuite>".encode())
    counts = report.counts
    assert counts.total == len(cases) == counts.passed + counts.failed + counts.errors + counts.skipped
    assert len(report.failures) == counts.failed + counts.errors
    assert report.seconds == len(cases) / 2


@given(st.binary(max_size=400))
def test_what_is_no_report_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_junit(data)


@given(st.integers(0, len(REPORT) - 1), st.integers(0, 255))
def test_a_damaged_report_is_read_or_unreadable(at: int, byte: int) -> None:
    damaged = REPORT[:at] + bytes([byte]) + REPORT[at + 1 :]
    try:
        counts = read_junit(damaged).counts
    except Unreadable:
        return
    assert counts.total <= 5


def test_entities_that_grow_are_refused(tmp_path: Path) -> None:
    bomb = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 40))
    with pytest.raises(Unreadable, match="document type"):
        read_junit(f'<!DOCTYPE t [<!ENTITY e0 "x">{bomb}]><t>&e39;</t>'.encode())
    secret = tmp_path / "secret"
    secret.write_text("s")
    with pytest.raises(Unreadable, match="document type"):
        read_junit(f'<!DOCTYPE t [<!ENTITY e SYSTEM "file://{secret}">]><t>&e;</t>'.encode())


def test_depth_size_and_number_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreadable, match="too deep"):
        read_junit(b"<a>" * 40 + b"</a>" * 40)
    monkeypatch.setattr(junit, "ELEMENTS_MAX", 5)
    with pytest.raises(Unreadable, match="too many"):
        read_junit(b"<a>" + b"<b/>" * 6 + b"</a>")
    monkeypatch.setattr(junit, "XML_BYTES_MAX", 10)
    with pytest.raises(Unreadable, match="larger"):
        read_junit(b"<a>" + b" " * 10 + b"</a>")


def test_many_and_long_failures_are_cut_and_counted() -> None:
    one = b"<testcase name='t'><failure message='m'>" + b"x" * 20_000 + b"</failure></testcase>"
    report = read_junit(b"<s>" + one * (FAILURES_MAX + 7) + b"</s>")
    assert (report.counts.failed, len(report.failures), report.failures_dropped) == (FAILURES_MAX + 7, FAILURES_MAX, 7)
    assert all(len(failure.traceback) == TRACEBACK_CHARS_MAX for failure in report.failures)
