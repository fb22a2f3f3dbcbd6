"""One call of an operation and how it ends, for the walk over all surfaces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call and how it ends: `ok`, or the code of its error. `stable` results are equal, others of one shape.

    `told` tells cases apart that end alike.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    ends: str = "ok"
    stable: bool = True
    told: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.name, self.ends, self.told)))
