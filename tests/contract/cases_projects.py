"""Calls of the project operations that every surface must answer alike; none of them makes a project."""

from tests.contract.case import Case

CASES = (
    Case("att.project.create", {"name": "数据"}, "name_unusable"),
    Case("att.project.create", {"name": "x" * 401}, "invalid_input"),
    Case("att.project.create", {"name": "bot", "template": "none"}, "template_unknown"),
    Case("att.project.import", {"upload": b"no archive", "name": "x" * 401}, "invalid_input"),
    Case("att.project.clone", {"source": "git@example.org:bot.git"}, "invalid_input"),
    Case("att.project.export", {"project_id": "none", "history": "maybe"}, "invalid_input"),
    Case("att.project.list"),
    Case("att.project.list", {"status": "asleep"}, "invalid_input"),
    Case("att.project.status", {"project_id": "none"}, "project_unknown"),
    Case("att.project.delete", {"project_id": "none"}, "project_unknown"),
    Case("att.project.templates"),
    Case("att.project.variables.list", {"project_id": "none"}, "project_unknown"),
    Case("att.project.variables.set", {"project_id": "none", "name": "KEY", "value": "v"}, "project_unknown"),
    Case("att.project.variables.set", {"project_id": "none", "name": "A-B", "value": "v"}, "invalid_input"),
    Case("att.project.variables.remove", {"project_id": "none", "name": "KEY"}, "project_unknown"),
    Case("att.project.credentials.set", {"name": "team", "host": "example.org", "secret": "s3cret"}, stable=False),
    Case("att.project.credentials.set", {"name": "team", "host": "a b", "secret": "s3cret"}, "invalid_input"),
    Case("att.project.credentials.list", stable=False),
    Case("att.project.credentials.remove", {"name": "none"}, "credential_unknown"),
)
