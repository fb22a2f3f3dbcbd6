"""The plan's tests by name, and the test that shows each: `tests/plan.toml` as a document."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = "tests/plan.toml"


@dataclass(frozen=True)
class PlanList:
    """One list of the plan: `plan` is the file that it names, `tests` maps its names to tests below tests/."""

    title: str
    plan: str
    tests: Mapping[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    waits_for: str = ""


def read(repository: Path) -> list[PlanList]:
    """Return the lists in the plan's order."""
    table = tomllib.loads((repository / SOURCE).read_text(encoding="utf-8"))
    return [PlanList(**{**row, "later": tuple(row.get("later", ()))}) for row in table["list"]]


def document(lists: list[PlanList]) -> str:
    """Return the table as Markdown."""
    shown, later = sum(len(one.tests) for one in lists), sum(len(one.later) for one in lists)
    lines = [
        "# The plan's tests",
        "",
        f"Made of `{SOURCE}` by `make generate`. Of the {shown + later} tests that the plan names, {shown} have the "
        f"test here that shows the same behaviour, below `tests/`; {later} wait for their rooms.",
        *(line for one in lists for line in _section(one)),
        "",
    ]
    return "\n".join(lines)


def _section(one: PlanList) -> Iterator[str]:
    yield from ("", f"## {one.title}", "", f"`{one.plan}` of the plan.", "")
    yield from ("| name in the plan | test here |", "| --- | --- |")
    yield from (f"| `{name}` | `{test}` |" for name, test in one.tests.items())
    yield from (f"| `{name}` | waits for {one.waits_for} |" for name in one.later)
