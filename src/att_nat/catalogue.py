"""The components that a config may use: those of NAT's venv and those of the project's own package."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from att_nat.fields import NAMES, REFERENCE
from att_nat.problem import Key

ISSUES_MAX = 50


@dataclass(frozen=True)
class Spot:
    """Where components of one kind stand in a config: `*` is the component's name. `group` is what refers to it."""

    kind: str
    path: tuple[str, ...]
    group: str = ""


SPOTS = (
    Spot("function", ("functions", "*"), "functions"),
    Spot("function", ("workflow",), "workflow"),
    Spot("function_group", ("function_groups", "*"), "function_groups"),
    Spot("llm_provider", ("llms", "*"), "llms"),
    Spot("embedder_provider", ("embedders", "*"), "embedders"),
    Spot("retriever_provider", ("retrievers", "*"), "retrievers"),
    Spot("memory", ("memory", "*"), "memory"),
    Spot("object_store", ("object_stores", "*"), "object_stores"),
    Spot("middleware", ("middleware", "*"), "middleware"),
    Spot("auth_provider", ("authentication", "*"), "authentication"),
    Spot("ttc_strategy", ("ttc_strategies", "*"), "ttc_strategies"),
    Spot("trainer", ("trainers", "*"), "trainers"),
    Spot("trainer_adapter", ("trainer_adapters", "*"), "trainer_adapters"),
    Spot("trajectory_builder", ("trajectory_builders", "*"), "trajectory_builders"),
    Spot("front_end", ("general", "front_end")),
    Spot("tracing", ("general", "telemetry", "tracing", "*")),
    Spot("logging", ("general", "telemetry", "logging", "*")),
    Spot("evaluator", ("eval", "evaluators", "*")),
    Spot("dataset_loader", ("eval", "general", "dataset")),
)
KINDS = tuple(dict.fromkeys(spot.kind for spot in SPOTS))


@dataclass(frozen=True)
class Issue:
    """What a model says is wrong with a value: pydantic's location, kind and message."""

    location: tuple[Key, ...]
    kind: str
    message: str


class NatSchema(GenerateJsonSchema):
    """JSON schemas in which references to components are marked, and every name of a field is listed."""

    references: Mapping[type, str] = {}
    """Type of reference → the group it refers to."""

    def function_plain_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a reference; pydantic has no schema for a plain validator."""
        validator = schema.get("function", {}).get("function")
        group = self.references.get(validator) if isinstance(validator, type) else None
        if group is None:
            return super().function_plain_schema(schema)
        return {"type": "string", "x-nat-ref": validator.__name__, REFERENCE: group}

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Add the names that the properties do not show: aliases, and fields under their own name."""
        result = super().model_schema(schema)
        names = _names(schema["cls"])
        if "properties" in result and names - result["properties"].keys():
            result[NAMES] = sorted(names)
        return result


@dataclass(frozen=True)
class Component:
    """One kind of component that a config may name with `_type`; `own` when it is of the project's package."""

    kind: str
    name: str
    model: type[BaseModel]
    full_name: str = ""
    package: str = ""
    version: str = ""
    description: str = ""
    own: bool = False
    generator: type[GenerateJsonSchema] = NatSchema

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its fields."""
        return schema_of(self.model, self.generator)

    def issues(self, value: Any) -> list[Issue]:
        """Return what its model says is wrong with a value."""
        return issues(self.model, value)

    def described(self, *, schema: bool) -> dict[str, Any]:
        """Return it as JSON; without its schema the description is the first paragraph alone."""
        about: dict[str, Any] = {
            name: getattr(self, name) for name in ("kind", "name", "full_name", "package", "version", "own")
        }
        if schema:
            return {**about, "description": self.description, "fields": self.schema}
        return {**about, "description": " ".join(self.description.partition("\n\n")[0].split())}


@dataclass(frozen=True)
class Section:
    """A part of the config with a model of its own; components within it are checked by themselves."""

    model: type[BaseModel]
    generator: type[GenerateJsonSchema] = NatSchema

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its fields."""
        return schema_of(self.model, self.generator)

    def issues(self, value: Any) -> list[Issue]:
        """Return what its model says is wrong with a value."""
        return issues(self.model, value)


@dataclass(frozen=True)
class Catalogue:
    """Everything a config may hold. `unclear` are kinds of which the project may have components of unknown names."""

    components: tuple[Component, ...]
    sections: Mapping[str, Section] = field(default_factory=dict)
    top: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    whole: Callable[[Any], list[Issue]] = lambda _data: []
    """NAT's own check of a whole config."""

    def with_own(self, own: Iterable[Component], unclear: Iterable[str]) -> "Catalogue":
        """Return this catalogue and the project's components."""
        return Catalogue((*self.components, *own), self.sections, self.top, frozenset(unclear), self.whole)

    def find(self, kind: str, name: str) -> list[Component]:
        """Return the components of that kind and name; several when the name alone is ambiguous."""
        return self._by_name.get((kind, name), [])

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, sorted."""
        return sorted({one.name for one in self.components if one.kind == kind})

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Component]]:
        found: dict[tuple[str, str], list[Component]] = defaultdict(list)
        for one in self.components:
            for name in {one.name, one.full_name} - {""}:
                found[one.kind, name].append(one)
        return found


def schema_of(model: type[BaseModel], generator: type[GenerateJsonSchema]) -> dict[str, Any]:
    """Return the JSON schema of a model; middleware, which NAT names by plain texts, is marked as a reference."""
    schema = model.model_json_schema(schema_generator=generator)
    middleware = schema.get("properties", {}).get("middleware", {})
    if middleware.get("items") == {"type": "string"}:
        middleware["items"] = {"type": "string", REFERENCE: "middleware"}
    return schema


def issues(model: type[BaseModel], value: Any) -> list[Issue]:
    """Return what a model says is wrong with a value; a validator that breaks counts as one issue."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        return [Issue(tuple(one["loc"]), one["type"], one["msg"]) for one in told[:ISSUES_MAX]]
    except Exception as error:  # noqa: BLE001 - validators of any plugin run here
        return [Issue((), "validator_failed", f"{type(error).__name__}: {error}"[:500])]
    return []


def _names(model: type[BaseModel]) -> set[str]:
    names: set[str] = set()
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    for name, info in model.model_fields.items():
        alias = info.validation_alias or info.alias
        choices = getattr(alias, "choices", [alias] if alias else [])
        names.update(one for one in choices if isinstance(one, str))
        if by_name or not choices:
            names.add(name)
    return names
