"""What the worker can be asked."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from att_nat.catalogue import KINDS, Catalogue, Component
from att_nat.decision import Instance, check
from att_nat.document import Document, merge, read
from att_nat.edges import Edge
from att_nat.problem import Code, Problem, Severity, dotted
from att_nat.registry import bases, discover, nat_version
from att_nat.source import Own, read_sources

COMPONENTS_MAX = 1000
_OWN_KEPT = 16
_BASES_MAX = 8


class Verbs:
    """The questions, over one discovered catalogue."""

    def __init__(self) -> None:
        self._catalogue, self._failed = discover()
        self._bases = bases(self._catalogue)
        self._digest = _digest(self._catalogue)
        self._own: OrderedDict[str, Own] = OrderedDict()

    def version(self, _asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return NAT's version, the digest of all components, and what failed to load."""
        return {
            "nat": nat_version(),
            "digest": self._digest,
            "components": len(self._catalogue.components),
            "failed_plugins": self._failed,
        }

    def components(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the components, filtered by `kind`, `name` and `query`, with their schemas when asked."""
        catalogue, own = self._with_own(asked)
        kind, name, query = (str(asked.get(key) or "") for key in ("kind", "name", "query"))
        found = [
            one.described(schema=bool(asked.get("schema")))
            for one in catalogue.components
            if kind in ("", one.kind) and name in ("", one.name, one.full_name) and _mentions(one, query.lower())
        ]
        problems = [one.wire() for one in own.problems]
        return {"digest": self._digest, "components": found[:COMPONENTS_MAX], "problems": problems}

    def validate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Check the config `file` of `files` (path → text); `needs` names a base file that is not among them."""
        document, needs = _document(asked["file"], asked["files"])
        if needs:
            return {"needs": needs}
        catalogue, own = self._with_own(asked)
        names = asked.get("variables")
        verdict = check(document, catalogue, None if names is None else frozenset(names))
        return {
            "problems": [one.wire() for one in (*own.problems, *verdict.problems)],
            "nodes": [_node(one, document) for one in verdict.instances],
            "edges": [_edge(one, document) for one in verdict.edges],
        }

    def _with_own(self, asked: Mapping[str, Any]) -> tuple[Catalogue, Own]:
        sources = asked.get("sources") or {}
        if not sources:
            return self._catalogue, Own()
        package = str(asked.get("package") or "")
        key = hashlib.sha256(json.dumps([package, sources], sort_keys=True).encode()).hexdigest()
        if key not in self._own:
            self._own[key] = read_sources(sources, self._bases, package)
        self._own.move_to_end(key)
        while len(self._own) > _OWN_KEPT:
            self._own.popitem(last=False)
        own = self._own[key]
        unclear = own.unclear if asked.get("whole", True) else KINDS
        return self._catalogue.with_own(own.components, unclear), own

    TABLE: ClassVar[Mapping[str, Callable[["Verbs", Mapping[str, Any]], dict[str, Any]]]] = {
        "version": version,
        "components": components,
        "validate": validate,
    }


def _document(file: str, files: Mapping[str, str]) -> tuple[Document, str]:
    """Return the document of `file` over its bases, or the path of a base whose text is missing."""
    document = read(file, files[file])
    seen = {file}
    base = document
    while "base" in base.data:
        name = _beside(base.file, base.data["base"])
        if name is None or name in seen or len(seen) >= _BASES_MAX:
            message = "base must be the path of another config of this project, and must not lead back to this one"
            document.problems.append(Problem(Severity.ERROR, Code.BASE_MISSING, message, base.place(("base",)), "base"))
            break
        if name not in files:
            return document, name
        if files[name] is None:
            message = f"there is no file {name}"
            document.problems.append(Problem(Severity.ERROR, Code.BASE_MISSING, message, base.place(("base",)), "base"))
            break
        seen.add(name)
        base = read(name, files[name])
        document = merge(base, document)
    return document, ""


def _beside(file: str, name: Any) -> str | None:
    """Return the path of a base relative to the project, None when it leads out of it or is no path."""
    if not isinstance(name, str) or name.startswith("/") or "\0" in name:
        return None
    parts: list[str] = file.split("/")[:-1]
    for part in name.split("/"):
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts) or None


def _node(instance: Instance, document: Document) -> dict[str, Any]:
    component = instance.component
    place = document.place(instance.path, key=True)
    return {
        "id": dotted(instance.path),
        "group": instance.spot.group or instance.path[0],
        "name": instance.name,
        "kind": instance.spot.kind,
        "type": instance.type,
        "own": bool(component and component.own),
        "package": component.package if component else "",
        "file": place.file,
        "line": place.line,
    }


def _edge(edge: Edge, document: Document) -> dict[str, Any]:
    place = document.place(edge.field)
    field = dotted(edge.field[len(edge.source) :])
    return {"source": dotted(edge.source), "target": dotted(edge.target), "field": field, "line": place.line}


def _mentions(component: Component, query: str) -> bool:
    texts = (component.name, component.full_name, component.package, component.description)
    return not query or any(query in text.lower() for text in texts)


def _digest(catalogue: Catalogue) -> str:
    told = [one.described(schema=True) for one in catalogue.components]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]
