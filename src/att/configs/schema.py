"""What crosses the wire about NAT configs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from att.nat.schema import Component, ConfigProblem, Edge, Node

TEXT_CHARS_MAX = 512 * 1024
COMPONENTS_MAX = 1000

ProjectId = Annotated[str, Field(max_length=64, description="id or slug of the project")]
ConfigPath = Annotated[
    str | None,
    Field(
        default=None, max_length=4096, description="the config's path in the project; configs/config.yml and the like"
    ),
]
Kind = Literal[
    "function",
    "function_group",
    "llm_provider",
    "embedder_provider",
    "retriever_provider",
    "memory",
    "object_store",
    "middleware",
    "auth_provider",
    "ttc_strategy",
    "trainer",
    "trainer_adapter",
    "trajectory_builder",
    "front_end",
    "tracing",
    "logging",
    "evaluator",
    "dataset_loader",
]


class Request(BaseModel):
    """The base of all requests: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


class ConfigRequest(Request):
    """Which config to read."""

    project_id: ProjectId
    path: ConfigPath


class ValidateRequest(ConfigRequest):
    """Which config to check: the project's file, or a text in its place."""

    text: str | None = Field(
        default=None, max_length=TEXT_CHARS_MAX, description="a config to check as if it were the file at `path`"
    )


class ComponentsRequest(Request):
    """Which components to list."""

    kind: Kind | None = Field(default=None, description="only this kind")
    name: str | None = Field(default=None, max_length=200, description="only the component of this name")
    query: str | None = Field(default=None, max_length=200, description="only those whose name or description has it")
    fields: bool = Field(default=False, description="with the JSON schema of each component's fields")
    project_id: str | None = Field(default=None, max_length=64, description="also the components of this project")


class ConfigText(BaseModel):
    """A project's NAT config as it lies in the project."""

    project_id: str
    path: str
    text: str


class Validation(BaseModel):
    """What is wrong with a config; it is valid when none of its problems is an error."""

    valid: bool
    path: str
    errors: int
    warnings: int
    problems: list[ConfigProblem] = Field(description="in the order of the text, errors and warnings")


class Graph(BaseModel):
    """What a config makes: its components, and which refers to which."""

    path: str
    nodes: list[Node]
    edges: list[Edge]
    problems: list[ConfigProblem]


class Components(BaseModel):
    """Components that configs may name; `digest` changes with the release's own."""

    digest: str
    components: list[Component]
    problems: list[ConfigProblem] = Field(description="what could not be read of the project's package")
