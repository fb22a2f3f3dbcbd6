"""How the components of a config refer to each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from att_nat.fields import Reference
from att_nat.problem import Path


@dataclass(frozen=True)
class Edge:
    """A component refers to another by a field."""

    source: Path
    target: Path
    field: Path


def target_of(reference: Reference, named: Mapping[str, Mapping[str, Path]]) -> Path | None:
    """Return where the component is that a reference names, None when there is none; `named` is group → name → path."""
    for group in sorted(reference.groups):
        if reference.name in named.get(group, {}):
            return named[group][reference.name]
    if "functions" in reference.groups:  # a function of a group is called group__function, formerly group.function
        for name, path in named.get("function_groups", {}).items():
            if reference.name.startswith((f"{name}__", f"{name}.")):
                return path
    return None


def cycles(leads: Mapping[Path, list[Edge]]) -> Iterator[list[Edge]]:
    """Yield each cycle that a walk from every component finds first, as its edges in order."""
    done: set[Path] = set()
    for start in leads:
        way: list[Edge] = []
        ahead = [iter(leads[start])] if start not in done else []
        on_way = {start: 0}
        while ahead:
            edge = next(ahead[-1], None)
            if edge is None:
                ahead.pop()
                done.add(way.pop().target if way else start)
                on_way = {start: 0, **{one.target: index + 1 for index, one in enumerate(way)}}
            elif edge.target in on_way:
                yield [*way[on_way[edge.target] :], edge]
            elif edge.target not in done:
                way.append(edge)
                on_way[edge.target] = len(way)
                ahead.append(iter(leads.get(edge.target, ())))
