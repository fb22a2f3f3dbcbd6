"""Whether a text may become att.yaml: what `attctl config validate` runs, without pydantic."""

from collections.abc import Mapping
from pathlib import Path

from att.config import json_schema
from att.config.document import BYTES_MAX, Problem, read
from att.config.layers import Layers, lay
from att.kernel.errors import InvalidInput, NotFound

_SHOWN_MAX = 10


def layers_of(text: str, environ: Mapping[str, str]) -> Layers:
    """Return the values that hold with `text` as the file; never raises for what the text says."""
    return lay(json_schema.load(), read(text), environ)


def check(text: str, environ: Mapping[str, str], name: str) -> Layers:
    """Return the values that hold with `text` as the file, else InvalidInput("config_invalid") with all problems."""
    layers = layers_of(text, environ)
    if layers.problems:
        raise refusal(layers.problems, name)
    return layers


def refusal(problems: list[Problem], name: str) -> InvalidInput:
    """Return the error that tells the problems of the file called `name`."""
    shown = [str(problem) for problem in problems[:_SHOWN_MAX]]
    if len(problems) > _SHOWN_MAX:
        shown.append(f"and {len(problems) - _SHOWN_MAX} more")
    return InvalidInput(
        "config_invalid",
        f"cannot use {name}: " + "; ".join(shown),
        field=problems[0].path or None,
        data={"problems": [as_json(problem) for problem in problems]},
    )


def as_json(problem: Problem) -> dict[str, object]:
    """Return path, message, line and column for machines."""
    place = problem.place
    return {
        "path": problem.path,
        "message": problem.message,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def read_text(path: Path) -> str:
    """Return a settings file's text; InvalidInput when it is too large or not UTF-8, NotFound when not there."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise NotFound("not_found", f"cannot read {path}: no such file", hint="check the path") from error
    except OSError as error:
        raise InvalidInput("invalid_input", f"cannot read {path}: {error.strerror}") from error
    return decode(data, str(path))


def decode(data: bytes, name: str) -> str:
    """Return the text of at most `BYTES_MAX` bytes of UTF-8."""
    if len(data) > BYTES_MAX:
        raise refusal([Problem("", f"larger than {BYTES_MAX // 1024} KiB")], name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal([Problem("", f"not UTF-8 at byte {error.start}")], name) from error
