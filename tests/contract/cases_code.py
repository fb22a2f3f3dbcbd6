"""Calls of the code operations that every surface must answer alike."""

from tests.contract.case import Case

_NONE = {"project_id": "none"}

CASES = (
    Case("att.code.read", {**_NONE, "path": "src/app.py"}, "project_unknown"),
    Case("att.code.read", {**_NONE, "path": "src/app.py", "length": -1}, "invalid_input"),
    Case("att.code.write", {**_NONE, "path": "a.txt", "content": "text"}, "project_unknown"),
    Case("att.code.write", {**_NONE, "path": "a.txt", "content": "text", "expected": "x"}, "invalid_input"),
    Case("att.code.move", {**_NONE, "path": "a.txt", "target": "b.txt"}, "project_unknown"),
    Case("att.code.delete", {**_NONE, "path": "a.txt"}, "project_unknown"),
    Case("att.code.tree", _NONE, "project_unknown"),
    Case("att.code.tree", {**_NONE, "limit": 0}, "invalid_input"),
    Case("att.code.search", {**_NONE, "query": "needle"}, "project_unknown"),
    Case("att.code.diff", _NONE, "project_unknown"),
    Case("att.code.watch", _NONE, "project_unknown"),
)
