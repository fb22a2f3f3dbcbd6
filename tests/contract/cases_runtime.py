"""Calls of the runtime's operations that every surface must answer alike; none of them starts an app."""

from tests.contract.case import Case

NONE = {"project_id": "none"}
CASES = (
    Case("att.runtime.start", {**NONE, "port": 80}, "invalid_input"),
    Case("att.runtime.restart", {**NONE, "start_seconds": 0}, "invalid_input"),
    Case("att.runtime.stop", NONE, "project_unknown"),
    Case("att.runtime.stop", {**NONE, "grace_seconds": 31}, "invalid_input"),
    Case("att.runtime.status", NONE, "project_unknown"),
    Case("att.runtime.health", NONE, "project_unknown"),
    Case("att.runtime.logs", NONE, "project_unknown"),
    Case("att.runtime.logs", {**NONE, "limit": 0}, "invalid_input"),
    Case("att.runtime.ask", {**NONE, "message": "hi"}, "project_unknown"),
    Case("att.runtime.ask", NONE, "invalid_input", told="nothing to say"),
    Case("att.trace.list", NONE, "project_unknown"),
    Case("att.trace.read", {"trace_id": "trace_none"}, "trace_unknown"),
)
