"""A small catalogue in place of NAT's."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import core_schema

from att_nat.catalogue import Catalogue, Component, Issue, NatSchema, Section
from att_nat.source import Bases


class Ref(str):
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_plain_validator_function(cls)


class LLMRef(Ref):
    pass


class FunctionRef(Ref):
    pass


class FunctionGroupRef(Ref):
    pass


class Schema(NatSchema):
    references: Mapping[type, str] = {LLMRef: "llms", FunctionRef: "functions", FunctionGroupRef: "function_groups"}


class FunctionBaseConfig(BaseModel):
    type: str = "unknown"
    middleware: list[str] = Field(default_factory=list)


class LLMBaseConfig(BaseModel):
    type: str = "unknown"


class Agent(FunctionBaseConfig):
    llm_name: LLMRef
    tool_names: list[FunctionRef | FunctionGroupRef] = Field(default_factory=list)
    verbose: bool = False
    judge: LLMRef = LLMRef("judge")


class Clock(FunctionBaseConfig):
    zone: str = "UTC"


class OpenAI(LLMBaseConfig):
    model_config = ConfigDict(extra="allow")
    model_name: str = Field(alias="model")
    temperature: float = 0.0
    stop: list[str] | int | None = None


class Strict(LLMBaseConfig):
    model_config = ConfigDict(extra="forbid")
    type: str = Field(default="unknown", alias="_type")
    size: int = 1


class Group(BaseModel):
    type: str = "unknown"


class FrontEnd(BaseModel):
    type: str = "unknown"
    port: int = 8000
    mode: Literal["a", "b"] = "a"


class General(BaseModel):
    model_config = ConfigDict(extra="forbid")
    timeout: int = 3
    front_end: dict[str, Any] = Field(default_factory=dict)
    telemetry: dict[str, Any] = Field(default_factory=dict)


def component(kind: str, name: str, model: type[BaseModel], *, own: bool = False, package: str = "nat") -> Component:
    return Component(kind, name, model, f"{package}/{name}", package, own=own, generator=Schema)


COMPONENTS = (
    component("function", "react_agent", Agent),
    component("function", "current_datetime", Clock),
    component("function", "twin", Clock),
    component("function", "twin", Clock, package="other"),
    component("function_group", "mcp_client", Group),
    component("llm_provider", "openai", OpenAI),
    component("llm_provider", "strict", Strict),
    component("front_end", "fastapi", FrontEnd),
    component("middleware", "cache", Group),
)
TOP = frozenset(
    {"general", "functions", "function_groups", "llms", "middleware", "workflow", "eval", "embedders", "base"}
)
BASES = Bases(
    {
        "FunctionBaseConfig": ("function", FunctionBaseConfig),
        "LLMBaseConfig": ("llm_provider", LLMBaseConfig),
        "Agent": ("function", Agent),
    },
    {"LLMRef": LLMRef, "FunctionRef": FunctionRef},
    Schema,
)


def nothing(_data: Any) -> list[Issue]:
    return []


def catalogue(whole: Any = nothing) -> Catalogue:
    return Catalogue(COMPONENTS, {"general": Section(General, Schema)}, TOP, whole=whole)
