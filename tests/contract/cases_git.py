"""Calls of git and the forge that every surface must answer alike; the long story on a real project is elsewhere."""

from tests.contract.case import Case

_NONE = {"project_id": "none"}
_ONE = {**_NONE, "number": 1}

CASES = (
    Case("att.git.status", _NONE, "project_unknown"),
    Case("att.git.add", _NONE, "project_unknown"),
    Case("att.git.commit", {**_NONE, "message": "Change"}, "project_unknown"),
    Case("att.git.branch", {**_NONE, "name": "towns"}, "project_unknown"),
    Case("att.git.branches", _NONE, "project_unknown"),
    Case("att.git.merge", {**_NONE, "ref": "towns"}, "project_unknown"),
    Case("att.git.log", {**_NONE, "limit": 5}, "project_unknown"),
    Case("att.git.log", {**_NONE, "limit": 0}, "invalid_input"),
    Case("att.git.diff", {**_NONE, "base": "main"}, "project_unknown"),
    Case("att.git.blame", {**_NONE, "path": "README.md"}, "project_unknown"),
    Case("att.git.push", {**_NONE, "remote": "x" * 65}, "invalid_input"),
    Case("att.git.fetch", {**_NONE, "remote": "x" * 65}, "invalid_input"),
    Case("att.git.remote.set", {**_NONE, "name": "up", "address": "https://example.org/a.git"}, "project_unknown"),
    Case("att.git.remote.set", {**_NONE, "name": "Up!", "address": "https://example.org/a.git"}, "invalid_input"),
    Case("att.git.remote.list", _NONE, "project_unknown"),
    Case("att.git.remote.remove", {**_NONE, "name": "up"}, "project_unknown"),
    Case("att.git.policy.show", _NONE, "project_unknown"),
    Case("att.git.policy.set", {**_NONE, "approvals": 2}, "project_unknown"),
    Case("att.git.policy.set", {**_NONE, "approvals": 11}, "invalid_input"),
    Case("att.git.pr.create", {**_NONE, "head": "towns", "title": "Towns"}, "project_unknown"),
    Case("att.git.pr.create", {**_NONE, "title": "Towns"}, "project_unknown", told="head"),
    Case("att.git.pr.list", {**_NONE, "state": "open"}, "project_unknown"),
    Case("att.git.pr.list", {**_NONE, "state": "asleep"}, "invalid_input"),
    Case("att.git.pr.show", _ONE, "project_unknown"),
    Case("att.git.pr.comment", {**_ONE, "body": "Why?"}, "project_unknown"),
    Case("att.git.pr.review", _ONE, "project_unknown"),
    Case("att.git.pr.approve", _ONE, "project_unknown"),
    Case("att.git.pr.merge", _ONE, "project_unknown"),
    Case("att.git.pr.close", _ONE, "project_unknown"),
    Case("att.git.pr.checks", _ONE, "project_unknown"),
    Case("att.git.pr.rerun", _ONE, "project_unknown"),
    Case("att.git.pr.rerun", {**_ONE, "checks": ["words"] * 21}, "invalid_input"),
    Case("att.git.actions", _NONE, "project_unknown"),
    Case("att.git.actions", {**_NONE, "cursor": -1}, "invalid_input"),
)
