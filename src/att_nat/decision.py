"""What is wrong with a config, and what it is made of: a document and a catalogue in, problems and a graph out."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from att_nat.catalogue import SPOTS, Catalogue, Component, Issue, Section, Spot
from att_nat.data import at_spot, get, settle, unsettled, without
from att_nat.document import Document
from att_nat.edges import Edge, cycles, target_of
from att_nat.fields import Reference, Stray, walk
from att_nat.problem import Code, Path, Problem, Severity, dotted
from att_nat.variables import Unsettled

PROBLEMS_MAX = 200
_CHOICES_MAX = 500
_SHOWN_MAX = 8
_COMPARED_CHARS = 64
_SECTIONS_NEED = frozenset(spot.path[0] for spot in SPOTS if len(spot.path) == 2 and spot.path[1] == "*")


@dataclass(frozen=True)
class Instance:
    """One component of the config; `component` is None where its type is not known."""

    spot: Spot
    path: Path
    value: Any
    type: str = ""
    component: Component | None = None

    @property
    def name(self) -> str:
        """What the config calls it."""
        return str(self.path[-1])


@dataclass
class Verdict:
    """What the check found: problems in the order of the text, the components, and how they refer to each other."""

    problems: list[Problem] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def check(document: Document, catalogue: Catalogue, variables: frozenset[str] | None = None) -> Verdict:
    """Check a whole config; `variables` are the names that the app's environment will have, None when not known."""
    checker = _Checker(document, catalogue)
    if document.data:
        checker.run(variables)
    verdict = checker.verdict
    found = dict.fromkeys([*document.problems, *verdict.problems])
    verdict.problems = sorted(found, key=lambda one: (one.place, one.severity, one.path))[:PROBLEMS_MAX]
    return verdict


class _Checker:
    def __init__(self, document: Document, catalogue: Catalogue) -> None:
        self._document = document
        self._catalogue = catalogue
        self._references: list[tuple[Path, Reference]] = []
        self.verdict = Verdict()

    def run(self, variables: frozenset[str] | None) -> None:
        """Fill the verdict."""
        self._sections()
        for spot in SPOTS:
            for path, value in at_spot(self._document.data, spot.path):
                self._instance(spot, path, value)
        for name, section in self._catalogue.sections.items():
            if name in self._document.data:
                self._section(name, section)
        self._resolve()
        self._cycles()
        self._variables(variables)
        if not any(one.severity is Severity.ERROR for one in (*self._document.problems, *self.verdict.problems)):
            self._whole()

    def _say(
        self, code: Code, message: str, path: Path, hint: str = "", *, key: bool = False, warning: bool = False
    ) -> None:
        severity = Severity.WARNING if warning else Severity.ERROR
        place = self._document.place(path, key=key)
        self.verdict.problems.append(Problem(severity, code, message, place, dotted(path), hint))

    def _sections(self) -> None:
        data = self._document.data
        for name, value in data.items():
            if name not in self._catalogue.top:
                hint = did_you_mean(str(name), self._catalogue.top)
                self._say(Code.SECTION_UNKNOWN, f"NAT knows no section {str(name)[:80]!r}", (name,), hint, key=True)
            elif name in _SECTIONS_NEED and not isinstance(value, dict):
                self._say(Code.NOT_A_MAPPING, f"the section {name} must map names to components", (name,))
        if "workflow" not in data:
            hint = "add a section workflow with a _type, such as react_agent"
            self._say(Code.WORKFLOW_MISSING, "the config has no workflow to run", (), hint, warning=True)

    def _instance(self, spot: Spot, path: Path, value: Any) -> None:
        component = self._component(spot, path, value)
        name = str(_type_of(value)) if isinstance(value, dict) else ""
        self.verdict.instances.append(Instance(spot, path, value, name, component))
        if component is None:
            return
        strays = self._walk(component.schema, value, path, component)
        self._issues(component.issues(value), value, path, strays)

    def _component(self, spot: Spot, path: Path, value: Any) -> Component | None:
        """Return what a component's `_type` means; what is wrong with it is said."""
        if isinstance(value, Unsettled):
            return None
        if not isinstance(value, dict):
            self._say(Code.NOT_A_MAPPING, f"{path[-1]} must be a mapping with a _type", path)
            return None
        name = _type_of(value)
        if name is None:
            hint = f"add `_type:` with one of {_listed(self._catalogue.names(spot.kind))}"
            self._say(Code.TYPE_MISSING, f"{path[-1]} has no _type", path, hint, key=True)
            return None
        if isinstance(name, Unsettled):
            return None
        found = self._catalogue.find(spot.kind, name) if isinstance(name, str) else []
        if len(found) == 1:
            return found[0]
        at = (*path, "_type" if "_type" in value else "type")
        if found:
            hint = f"write one of {', '.join(sorted(one.full_name for one in found))}"
            self._say(Code.TYPE_AMBIGUOUS, f"several components are called {name!r}", at, hint)
        else:
            self._unknown_type(spot, str(name), at)
        return None

    def _unknown_type(self, spot: Spot, name: str, at: Path) -> None:
        names = self._catalogue.names(spot.kind)
        elsewhere = next((one for one in SPOTS if one.kind != spot.kind and self._catalogue.find(one.kind, name)), None)
        hint = did_you_mean(name, names)
        if elsewhere is not None:
            hint = f"{name} is a {elsewhere.kind}: it belongs under {'.'.join(elsewhere.path).removesuffix('.*')}"
        elif not hint:
            hint = f"there are {_listed(names)}" if names else f"this release carries no {spot.kind}"
        kind = spot.kind.replace("_", " ")
        message = f"there is no {kind} of type {name[:80]!r}"
        self._say(Code.TYPE_UNKNOWN, message, at, hint, warning=spot.kind in self._catalogue.unclear)

    def _section(self, name: str, section: Section) -> None:
        value = _without_components(self._document.data[name], (name,))
        strays = self._walk(section.schema, value, (name,), None)
        self._issues(section.issues(value), value, (name,), strays)

    def _walk(self, schema: Mapping[str, Any], value: Any, path: Path, component: Component | None) -> set[Path]:
        """Remember the references, say which keys are no fields; return the paths of those."""
        strays = set()
        for found in walk(schema, value, path):
            if isinstance(found, Reference):
                self._references.append((path, found))
                continue
            strays.add(found.path)
            self._stray(found, component)
        return strays

    def _stray(self, stray: Stray, component: Component | None) -> None:
        key = str(stray.path[-1])
        hint = did_you_mean(key, stray.known)
        owner = component.name if component else dotted(stray.path[:-1])
        if stray.refused:
            message = f"{owner} has no field {key[:80]!r}"
        elif not stray.kept:
            message = f"{owner} has no field {key[:80]!r}: NAT ignores it"
        elif hint:
            message = f"{owner} has no field {key[:80]!r}: NAT hands it on as it is"
        else:
            return
        hint = hint or (f"its fields are {_listed(stray.known)}" if stray.known else "")
        self._say(Code.FIELD_UNKNOWN, message, stray.path, hint, key=True, warning=not stray.refused)

    def _issues(self, issues: Iterable[Issue], value: Any, path: Path, strays: set[Path]) -> None:
        """Say what a model found, one problem a place, unless it stands where a value is not settled."""
        told: dict[tuple[Path, Code], list[str]] = {}
        for issue in issues:
            at, code, message = _told(issue, value)
            if code is Code.FIELD_UNKNOWN and (*path, *at) in strays:
                continue
            if code is not Code.FIELD_MISSING and unsettled(get(value, at)):
                continue
            told.setdefault(((*path, *at), code), []).append(message)
        for (at, code), messages in told.items():
            text = " or ".join(dict.fromkeys(messages[:3]))
            self._say(code, text, at, key=code is not Code.VALUE_INVALID)

    def _resolve(self) -> None:
        """Say which references lead nowhere, and draw the others."""
        named: dict[str, dict[str, Path]] = {}
        for one in self.verdict.instances:
            if len(one.path) == 2 and one.spot.group:
                named.setdefault(one.spot.group, {})[one.name] = one.path
        for source, reference in self._references:
            if isinstance(reference.name, Unsettled):
                continue
            target = target_of(reference, named)
            if target is None:
                self._dangling(source, reference, named)
            else:
                self.verdict.edges.append(Edge(source, target, reference.path))

    def _dangling(self, source: Path, reference: Reference, named: Mapping[str, Mapping[str, Path]]) -> None:
        groups = sorted(reference.groups)
        names = [name for group in groups for name in named.get(group, ())]
        where = " or ".join(groups)
        hint = did_you_mean(reference.name, names) or (f"there are {_listed(names)}" if names else f"add it to {where}")
        if reference.given:
            message = f"{reference.name[:80]!r} is none of the {where} of this config"
            self._say(Code.REFERENCE_UNKNOWN, message, reference.path, hint)
        else:
            message = f"without the field {reference.path[-1]} it is {reference.name!r}, which is none of the {where}"
            self._say(Code.REFERENCE_UNKNOWN, message, source, hint, key=True, warning=True)

    def _cycles(self) -> None:
        leads: dict[Path, list[Edge]] = {}
        for edge in self.verdict.edges:
            leads.setdefault(edge.source, []).append(edge)
        for cycle in cycles(leads):
            names = " → ".join(dotted(edge.source) for edge in cycle)
            message = f"these need each other: {names} → {dotted(cycle[0].source)}"
            hint = "NAT builds a component after those it refers to: take one of the references away"
            self._say(Code.REFERENCE_CYCLE, message, cycle[-1].field, hint)

    def _variables(self, known: frozenset[str] | None) -> None:
        for name, place in self._document.variables if known is not None else ():
            if known is not None and name not in known:
                message = f"the project has no variable {name}: NAT puts nothing in its place"
                hint = f"set it, or write ${{{name}:-default}}"
                problem = Problem(Severity.WARNING, Code.VARIABLE_UNKNOWN, message, place, hint=hint)
                self.verdict.problems.append(problem)

    def _whole(self) -> None:
        """Let NAT itself check what it can know: all but the project's own components and values not settled."""
        data = self._document.data
        if unsettled(data):
            return
        for one in self.verdict.instances:
            if one.component is None or one.component.own:
                data = without(data, one.path)
        for issue in self._catalogue.whole(data):
            path = settle(data, issue.location)
            self._say(Code.REFUSED_BY_NAT, issue.message, path)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a hint with the names most like `name`, nothing when none is."""
    among = [one for one, _ in zip(choices, range(_CHOICES_MAX), strict=False)]
    close = difflib.get_close_matches(name[:_COMPARED_CHARS], among, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_MAX])
    return f"{shown} and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else shown


def _type_of(value: Mapping[Any, Any]) -> Any:
    return value.get("_type", value.get("type"))


def _without_components(value: Any, path: Path) -> Any:
    """Return a section without the components in it, which are checked by themselves."""
    for spot in SPOTS:
        for found, _ in list(at_spot(value, spot.path[1:], path)) if spot.path[0] == path[0] else ():
            value = without(value, found[len(path) :])
    return value


def _told(issue: Issue, value: Any) -> tuple[Path, Code, str]:
    """Return where an issue is, and what it is."""
    at = settle(value, issue.location)
    if issue.kind == "missing" and issue.location:
        return at, Code.FIELD_MISSING, f"the field {str(issue.location[-1])!r} is missing"
    if issue.kind == "extra_forbidden" and at:
        return at, Code.FIELD_UNKNOWN, f"there is no field {str(at[-1])!r}"
    return at, Code.VALUE_INVALID, issue.message
