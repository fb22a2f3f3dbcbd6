"""The rollback policy as a table: every cell, what is decided in it and why, and the test that holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from att_stage0.policy.decision import Context, Decision, FailureClass, Override, Target, decide

EVIDENCE = "tests/evidence/rollback-policy.md"
CELLS = len(FailureClass) * len(Context) * len(Target) * len(Override)
_TEST = "tests/unit/stage0/test_rollback_policy.py::test_a_cell_is_decided_as_the_policy_says"
_HEAD = f"""# The rollback policy

Made of `appliance/stage0/att_stage0/policy/decision.py` by `make generate`. Before any rollback its decision is
recorded in the journal (phase `rollback_policy`), in the audit log and in the events of the upgrade. `deny` and `ask`
go nowhere: a wish is refused, an upgrade that failed ends FAILED_SAFE.

Each of the {CELLS} cells has a test, `{_TEST}[CELL]`.

| cell: failure class, context, target, override | decision | reason |
| --- | --- | --- |
"""


@dataclass(frozen=True)
class Cell:
    """One cell: its four names, and what is decided there."""

    cell: tuple[FailureClass, Context, Target, Override]
    decision: Decision


def cells() -> Iterator[Cell]:
    """Yield every cell in the order of the enumerations."""
    for failure, context, target, override in product(FailureClass, Context, Target, Override):
        yield Cell((failure, context, target, override), decide(failure, context, target, override))


def document() -> str:
    """Return the table as Markdown."""
    rows = (f"| `[{'-'.join(one.cell)}]` | {one.decision.status} | {one.decision.reason} |" for one in cells())
    return _HEAD + "\n".join(rows) + "\n"
