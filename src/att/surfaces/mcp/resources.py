"""MCP resources: each is a view of one reading operation, its URI's parts are the operation's fields."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mcp_types as types

from att.kernel.errors import NotFound
from att.kernel.operation import Operation

MIME_TYPE = "application/json"
_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Resource:
    """`uri` is fixed, or a template whose braces name fields of the operation's request."""

    uri: str
    operation: str
    title: str

    @property
    def is_template(self) -> bool:
        """Whether the URI has parts to fill in."""
        return "{" in self.uri


RESOURCES = (
    Resource("att://status", "att.status", "What the appliance is and how it is"),
    Resource("att://projects", "att.project.list", "All projects"),
    Resource("att://project/{project_id}/files", "att.code.tree", "The files of a project"),
    Resource("att://project/{project_id}/config", "att.nat.config", "A project's NAT config"),
    Resource("att://project/{project_id}/tests", "att.test.results", "The latest test results of a project"),
    Resource("att://project/{project_id}/ci", "att.git.actions", "The runs of checks of a project's pull requests"),
    Resource("att://project/{project_id}/logs", "att.runtime.logs", "The end of the log of a project's app"),
)


def served(table: Sequence[Operation]) -> dict[Resource, Operation]:
    """Return the resources whose operations exist."""
    by_name = {operation.name: operation for operation in table}
    return {resource: by_name[resource.operation] for resource in RESOURCES if resource.operation in by_name}


def match(uri: str, resources: Mapping[Resource, Operation]) -> tuple[Operation, dict[str, str]]:
    """Return the operation behind `uri` and the values of its parts; NotFound for a URI nobody serves."""
    for resource, operation in resources.items():
        pattern = _PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(resource.uri).replace(r"\{", "{").replace(r"\}", "}"))
        found = re.fullmatch(pattern, uri)
        if found:
            return operation, found.groupdict()
    raise NotFound("not_found", f"cannot read {uri[:200]}: no such resource")


def listing(resources: Mapping[Resource, Operation]) -> list[types.Resource]:
    """Return the resources with a fixed URI."""
    return [
        types.Resource(uri=one.uri, name=one.operation, title=one.title, mime_type=MIME_TYPE)
        for one in resources
        if not one.is_template
    ]


def templates(resources: Mapping[Resource, Operation]) -> list[types.ResourceTemplate]:
    """Return the resources with parts to fill in."""
    return [
        types.ResourceTemplate(uri_template=one.uri, name=one.operation, title=one.title, mime_type=MIME_TYPE)
        for one in resources
        if one.is_template
    ]
