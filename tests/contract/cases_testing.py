"""Calls of the operations on test runs that every surface must answer alike; none of them runs a test."""

from tests.contract.case import Case

NONE = {"project_id": "none"}
CASES = (
    Case("att.test.run", {**NONE, "suite": "smoke"}, "invalid_input"),
    Case("att.test.run", {**NONE, "coverage_threshold": 101}, "invalid_input", told="threshold"),
    Case("att.test.results", NONE, "project_unknown"),
    Case("att.test.history", NONE, "project_unknown"),
    Case("att.test.history", {**NONE, "limit": 201}, "invalid_input"),
)
