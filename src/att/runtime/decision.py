"""Decides who logs in at the local door: pure, values in, verdict out."""

from dataclasses import dataclass

OPERATORS = "att-operators"


@dataclass(frozen=True)
class Person:
    """A user of the machine: uid, login name, and the names of all groups the user is in."""

    uid: int
    name: str
    groups: frozenset[str]


def refusal(person: Person | None) -> str | None:
    """Return why `person` gets no token at the local door, None when they do; None stands for an unknown uid."""
    if person is None:
        return "the machine knows no such user"
    if person.uid == 0 or OPERATORS in person.groups:
        return None
    return f"user {person.name} is not in the group {OPERATORS}"
