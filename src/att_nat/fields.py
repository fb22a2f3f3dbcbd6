"""Walks a component's values beside its JSON schema: which of them are references, which are no fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from att_nat.problem import Path

REFERENCE = "x-nat-ref-group"
NAMES = "x-nat-names"
"""All names a field may be given by, where they are more than the schema's properties."""
TYPE_NAMES = frozenset({"_type", "type"})

type Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A value that names another component, in one of `groups`; `given` is False when it is the field's default."""

    path: Path
    name: str
    groups: frozenset[str]
    given: bool = True


@dataclass(frozen=True)
class Stray:
    """A key that is no field; `refused` when NAT says so itself, `kept` when NAT hands it on."""

    path: Path
    known: tuple[str, ...]
    refused: bool = False
    kept: bool = False


@dataclass
class _View:
    """What the branches of a schema say together about one value."""

    groups: set[str] = field(default_factory=set)
    properties: dict[str, list[Schema]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    items: list[Schema] = field(default_factory=list)
    others: list[Schema] = field(default_factory=list)
    anything: bool = False
    refuses: bool = True


def walk(schema: Schema, value: Any, path: Path) -> Iterator[Reference | Stray]:
    """Yield every reference and stray key in `value`, whose whole schema is `schema`."""
    definitions = schema.get("$defs", {})
    yield from _walk([schema], value, path, definitions, top=True)
    yield from _defaults(schema, value, path, definitions)


def _walk(schemas: list[Schema], value: Any, path: Path, definitions: Schema, *, top: bool = False) -> Iterator[Any]:
    view = _View()
    for schema in schemas:
        _add(view, schema, definitions, frozenset())
    if isinstance(value, str | int | float) and view.groups:
        yield Reference(path, value if isinstance(value, str) else str(value), frozenset(view.groups))
    elif isinstance(value, list) and view.items:
        for index, item in enumerate(value):
            yield from _walk(view.items, item, (*path, index), definitions)
    elif isinstance(value, dict):
        ours = TYPE_NAMES if top else frozenset()
        for key, inner in value.items():
            if key in view.properties or view.others:
                yield from _walk(view.properties.get(key, view.others), inner, (*path, key), definitions)
            elif view.properties and key not in view.names | ours:
                known = tuple(sorted((view.names | view.properties.keys()) - TYPE_NAMES))
                yield Stray((*path, key), known, refused=view.refuses, kept=view.anything)


def _add(view: _View, schema: Schema, definitions: Schema, seen: frozenset[str]) -> None:
    """Add what one schema says; `seen` are the definitions on the way here."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in definitions and name not in seen:
        _add(view, definitions[name], definitions, seen | {name})
    for branch in (one for several in ("anyOf", "oneOf", "allOf") for one in schema.get(several, ())):
        _add(view, branch, definitions, seen)
    if REFERENCE in schema:
        view.groups.add(schema[REFERENCE])
    view.items.extend(one for one in (schema.get("items"), *schema.get("prefixItems", ())) if isinstance(one, dict))
    properties = schema.get("properties", {})
    for field_name, inner in properties.items():
        view.properties.setdefault(field_name, []).append(inner)
    view.names.update(schema.get(NAMES, ()))
    others = schema.get("additionalProperties")
    view.others.extend([others] if isinstance(others, dict) else [])
    view.anything |= others is True
    view.refuses &= not properties or others is False


def _defaults(schema: Schema, value: Any, path: Path, definitions: Schema) -> Iterator[Reference]:
    """Yield the references that fields have when nobody gives them."""
    given = value if isinstance(value, dict) else {}
    for name, inner in schema.get("properties", {}).items():
        default = inner.get("default")
        if name in given or not isinstance(default, str):
            continue
        view = _View()
        _add(view, inner, definitions, frozenset())
        if view.groups:
            yield Reference((*path, name), default, frozenset(view.groups), given=False)
