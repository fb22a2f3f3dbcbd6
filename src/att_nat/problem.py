"""What can be wrong with a NAT config, and where in its text."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

type Key = str | int
type Path = tuple[Key, ...]


class Severity(StrEnum):
    """ERROR: NAT refuses the config or its workflow fails to build. WARNING: NAT takes it, most likely not as meant."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Every kind of problem; the texts are in the messages."""

    YAML_INVALID = "yaml_invalid"
    KEY_REPEATED = "key_repeated"
    TOO_LARGE = "config_too_large"
    NOT_A_MAPPING = "not_a_mapping"
    EMPTY = "config_empty"
    BASE_MISSING = "base_missing"
    FILE_REFERENCE = "file_reference_invalid"
    VARIABLE_INVALID = "variable_invalid"
    VARIABLE_UNKNOWN = "variable_unknown"
    SECTION_UNKNOWN = "section_unknown"
    TYPE_MISSING = "type_missing"
    TYPE_UNKNOWN = "type_unknown"
    TYPE_AMBIGUOUS = "type_ambiguous"
    FIELD_MISSING = "field_missing"
    FIELD_UNKNOWN = "field_unknown"
    VALUE_INVALID = "value_invalid"
    REFERENCE_UNKNOWN = "reference_unknown"
    REFERENCE_CYCLE = "reference_cycle"
    WORKFLOW_MISSING = "workflow_missing"
    SOURCE_INVALID = "source_invalid"
    SOURCE_UNCLEAR = "source_unclear"
    REFUSED_BY_NAT = "refused_by_nat"


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `path` is the field's, dotted."""

    severity: Severity
    code: Code
    message: str
    place: Place
    path: str = ""
    hint: str = ""

    def wire(self) -> dict[str, Any]:
        """Return it as JSON."""
        values = asdict(self)
        return {**{name: value for name, value in values.items() if name != "place"}, **values["place"]}


def dotted(path: Path) -> str:
    """Return `llms.main.stop[0]` for ("llms", "main", "stop", 0)."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
