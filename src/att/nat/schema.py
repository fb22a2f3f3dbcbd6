"""What NAT's worker tells: its components, problems of a config, and what the config is made of."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field


class Severity(StrEnum):
    """ERROR: NAT refuses the config, or its workflow fails to build. WARNING: most likely not as meant."""

    ERROR = "error"
    WARNING = "warning"


class ConfigProblem(BaseModel):
    """One thing that is wrong with a config, and where: line and column count from 1."""

    severity: Severity
    code: str
    message: str
    path: str = Field(description="the field, dotted: llms.main.temperature")
    file: str
    line: int
    column: int
    hint: str = ""


class Component(BaseModel):
    """A component that a config may name with `_type`; `schema` describes its fields."""

    kind: str
    name: str = Field(description="what `_type` says")
    full_name: str = Field(description="what `_type` says where the name alone is ambiguous")
    package: str
    version: str
    description: str
    own: bool = Field(description="whether it is of the project's own package")
    fields: dict[str, Any] | None = Field(default=None, description="JSON schema; references bear x-nat-ref-group")


class Node(BaseModel):
    """One component that a config makes."""

    id: str = Field(description="where it stands: llms.main, workflow")
    group: str
    name: str
    kind: str
    type: str
    own: bool
    package: str
    file: str
    line: int


class Edge(BaseModel):
    """A component refers to another by a field."""

    source: str
    target: str
    field: str
    line: int


class Version(BaseModel):
    """What the worker runs; `failed_plugins` are those of the release that did not load."""

    nat: str
    digest: str
    components: int
    failed_plugins: list[str]
