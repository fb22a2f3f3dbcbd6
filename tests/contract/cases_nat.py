"""The cases of the operations on NAT's components and configs."""

from tests.contract.case import Case

NOBODY = {"project_id": "prj_none"}

CASES: tuple[Case, ...] = (
    Case("att.nat.components", {"kind": "llm_provider", "query": "openai"}),
    Case("att.nat.components", {"name": "react_agent"}, told="name"),
    Case("att.nat.components", {"kind": "king"}, "invalid_input"),
    Case("att.nat.components", NOBODY, "project_unknown"),
    Case("att.nat.config", NOBODY, "project_unknown"),
    Case("att.nat.validate", {**NOBODY, "text": "workflow: {_type: react_agent}\n"}, "project_unknown"),
    Case("att.nat.graph", NOBODY, "project_unknown"),
)
