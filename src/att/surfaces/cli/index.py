"""The commands as data: `commands.json` is generated from the operations, so that attctl imports only what it runs.

Standard library alone: this is read on each start.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

FILE = "commands.json"
ParameterType = Literal["string", "integer", "number", "boolean", "choice", "json", "upload", "text"]


@dataclass(frozen=True)
class Parameter:
    """One field of the request. `upload` and `text` are given as a FILE: sent as it is, or read as text."""

    name: str
    type: ParameterType
    argument: bool = False
    required: bool = False
    multiple: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    help: str = ""


@dataclass(frozen=True)
class Spec:
    """One operation as a command; `path` is the REST path below /api/v1 with the parameters in braces.

    `saves`: the result names a file that the caller may fetch.
    """

    name: str
    summary: str
    kind: str
    effect: str
    method: str
    path: str
    local: bool
    exit_code: bool
    example: str
    parameters: tuple[Parameter, ...]
    saves: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The command: `att.git.pr.merge` → ("git", "pr", "merge")."""
        return tuple(word.replace("_", "-") for word in self.name.split(".")[1:])

    @property
    def command(self) -> str:
        """What is typed, without arguments."""
        return "attctl " + " ".join(self.words)


@cache
def specs() -> Mapping[tuple[str, ...], Spec]:
    """Return the commands by their words."""
    rows = json.loads(resources.files("att.surfaces.cli").joinpath(FILE).read_bytes())
    return {spec.words: spec for spec in map(spec_of, rows)}


def spec_of(row: Mapping[str, Any]) -> Spec:
    """Return the command that one row of the index describes."""
    parameters = tuple(Parameter(**{**one, "choices": tuple(one.get("choices", ()))}) for one in row["parameters"])
    return Spec(**{**row, "parameters": parameters})
