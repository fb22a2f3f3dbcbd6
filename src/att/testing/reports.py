"""Reads the JSON reports of a run: pytest's own (pytest-json-report) and coverage's. Pure, bytes in, values out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from att.testing.gather import Case, Gatherer, Kind
from att.testing.junit import Unreadable
from att.testing.schema import Coverage, Report

JSON_BYTES_MAX = 64 * 1024 * 1024
_PHASES = ("setup", "call", "teardown")
_OUTCOMES = {
    "passed": Kind.PASSED,
    "xpassed": Kind.PASSED,
    "failed": Kind.FAILED,
    "error": Kind.ERROR,
    "skipped": Kind.SKIPPED,
    "xfailed": Kind.SKIPPED,
}


def read_pytest_json(data: bytes) -> Report:
    """Return what a report of pytest-json-report says; raises Unreadable."""
    document = _object(data)
    gathered = Gatherer()
    for one in _objects(document.get("collectors")):
        if one.get("outcome") == "failed":
            file = str(one.get("nodeid", ""))
            gathered.add(Case(test=file, kind=Kind.ERROR, seconds=0.0, text=str(one.get("longrepr", "")), file=file))
    for one in _objects(document.get("tests")):
        gathered.add(_case(one))
    return gathered.report()


def read_coverage(data: bytes, threshold: float | None) -> Coverage:
    """Return what coverage's JSON report says, flagged when it is less than `threshold`; raises Unreadable."""
    totals = _object(data).get("totals")
    if not isinstance(totals, dict):
        raise Unreadable("the coverage report has no totals")
    percent = _number(totals.get("percent_covered"))
    if not 0 <= percent <= 100:
        raise Unreadable("the coverage report has no percentage")
    percent = round(percent, 2)
    return Coverage(
        percent=percent,
        covered_lines=int(_number(totals.get("covered_lines"))),
        missing_lines=int(_number(totals.get("missing_lines"))),
        threshold=threshold,
        below_threshold=threshold is not None and percent < threshold,
    )


def _case(one: Mapping[str, Any]) -> Case:
    phases = [phase for name in _PHASES if isinstance(phase := one.get(name), dict)]
    broken = next((phase for phase in phases if phase.get("outcome") == "failed"), {})
    crash = broken.get("crash")
    crash = crash if isinstance(crash, dict) else {}
    test = str(one.get("nodeid", ""))
    return Case(
        test=test,
        kind=_OUTCOMES.get(str(one.get("outcome")), Kind.ERROR),
        seconds=sum(_number(phase.get("duration")) for phase in phases),
        message=str(crash.get("message", "")),
        text=str(broken.get("longrepr", "")),
        file=str(crash.get("path") or test.partition("::")[0]) or None,
        line=int(_number(crash.get("lineno"))) or None,
    )


def _object(data: bytes) -> Mapping[str, Any]:
    if len(data) > JSON_BYTES_MAX:
        raise Unreadable(f"the report is larger than {JSON_BYTES_MAX} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable("the report is no JSON") from error
    if not isinstance(document, dict):
        raise Unreadable("the report is no JSON object")
    return document


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _number(value: Any) -> float:
    """Return a number of the report; 0 for what is none, not finite, or absurd."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < 1e12 else 0.0
