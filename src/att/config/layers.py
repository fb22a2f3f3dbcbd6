"""Lays the file over the defaults and the environment over the file, and remembers for each value who set it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from att.config import decision
from att.config.document import Document, Path, Place, Problem, dotted, plain
from att.config.migration.decision import migrated

Source = Literal["default", "file", "environment"]


@dataclass(frozen=True)
class Origin:
    """Who set a value; `name` is the environment variable, `place` the line and column in the file."""

    source: Source
    name: str | None = None
    place: Place | None = None


@dataclass
class Layers:
    """All values, complete, and who set each; with `problems` the values must not be used.

    `notes` say how the file was read that was written for an earlier version of the settings.
    """

    values: dict[str, Any]
    origins: dict[Path, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def lay(schema: Mapping[str, Any], document: Document, environ: Mapping[str, str]) -> Layers:
    """Return the values that hold; each problem names its setting and where in the file, or which variable."""
    found = migrated(document)
    document = found.document
    layers = Layers(values=_defaults(schema), notes=found.notes)
    layers.problems += document.problems
    if document.problems:
        return layers
    for path, message in decision.findings(document.values, schema):
        layers.problems.append(Problem(dotted(path), message, _place(document, path)))
    if layers.problems:
        return layers
    for path, leaf in decision.leaves(schema):
        _lay_one(layers, path, leaf, document, environ)
    if not layers.problems:
        for path, message in decision.contradictions(layers.values):
            layers.problems.append(Problem(dotted(path), message, _place(document, path)))
    return layers


def value_at(values: Mapping[str, Any], path: Path) -> Any:
    """Return the value at `path`; KeyError when there is none."""
    found: Any = values
    for part in path:
        found = found[part]
    return found


def _lay_one(
    layers: Layers, path: Path, leaf: Mapping[str, Any], document: Document, environ: Mapping[str, str]
) -> None:
    section = layers.values
    for part in path[:-1]:
        section = section[str(part)]
    name = str(path[-1])
    layers.origins[path] = Origin("default")
    try:
        section[name] = value_at(document.values, path)
        layers.origins[path] = Origin("file", place=document.places.get(path))
    except KeyError:
        pass
    given = [one for one in leaf["env"] if environ.get(one)]
    if not given:
        return
    variable = given[0]
    others = [one for one in given if environ[one] != environ[variable]]
    if others:
        layers.problems.append(
            Problem(dotted(path), f"{variable} and {others[0]} say different things: set one of them")
        )
    value = _of_environment(environ[variable], leaf)
    found = list(decision.findings(value, leaf, path))
    layers.problems += [Problem(dotted(where), f"{message} (set by {variable})") for where, message in found]
    section[name] = value
    layers.origins[path] = Origin("environment", name=variable)


def _of_environment(text: str, leaf: Mapping[str, Any]) -> Any:
    if leaf["type"] == "array":
        return [one.strip() for one in text.split(",") if one.strip()]
    return text if leaf["type"] == "string" else plain(text)


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, inner in schema["properties"].items():
        values[name] = _defaults(inner) if inner["type"] == "object" else copy.deepcopy(inner["default"])
    return values


def _place(document: Document, path: Path) -> Place | None:
    """Return where `path` stands, or the nearest collection around it."""
    while path and path not in document.places:
        path = path[:-1]
    return document.places.get(path)
