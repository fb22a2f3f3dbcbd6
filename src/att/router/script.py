"""The rule file of the scripted model: what it may say, checked as a whole, and read again when it changes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
import yaml

FILE_BYTES_MAX = 262_144
RULES_MAX = 500
PATTERN_CHARS_MAX = 500
TEXT_CHARS_MAX = 8_000
PACE_MS_MAX = 2_000
DEFAULT_FILE = Path(__file__).with_name("script.yaml")

_log = structlog.get_logger(__name__)
_Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=PATTERN_CHARS_MAX)]
_Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
_Pace = Annotated[int, msgspec.Meta(ge=0, le=PACE_MS_MAX)]
_PLACE = re.compile(r"\{(\w+)\}")


class ScriptInvalid(ValueError):
    """The rule file cannot be used; the text says what and where."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do where `match` is found in the user's message; the first rule that can act does.

    `call` is searched in the names of the tools offered; the tool's arguments come from `arguments` (templates) and
    from the groups of `match` by name, the rest from the message. `say` answers at once, or after the call.
    """

    match: _Pattern
    call: _Pattern | None = None
    arguments: dict[str, _Text | int | float | bool] = {}
    say: _Text | None = None
    pace_ms: _Pace = 0


class ScriptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: rules in their order, and what is said where none of them says anything.

    In a text `{text}` is the user's message, `{results}` what the tools answered, `{name}` a group of `match`.
    """

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=RULES_MAX)] = ()
    answer: _Text = "{results}"
    otherwise: _Text = "You said: {text}"


class Ready(msgspec.Struct, frozen=True):
    """A rule with its patterns compiled."""

    rule: Rule
    match: re.Pattern[str]
    call: re.Pattern[str] | None


class Script(msgspec.Struct, frozen=True):
    """A whole script, ready to decide with."""

    rules: tuple[Ready, ...] = ()
    answer: str = "{results}"
    otherwise: str = "You said: {text}"


def parse(text: str) -> Script:
    """Return the script of a rule file; raises ScriptInvalid."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ScriptInvalid(f"no YAML: {error}") from error
    try:
        file = msgspec.convert(found if found is not None else {}, ScriptFile)
    except msgspec.ValidationError as error:
        raise ScriptInvalid(str(error)) from error
    rules = tuple(_ready(rule, index) for index, rule in enumerate(file.rules))
    return Script(rules, file.answer, file.otherwise)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the template with `{name}` put in; names that there are not become nothing."""
    return _PLACE.sub(lambda place: values.get(place[1], ""), template)


def _ready(rule: Rule, index: int) -> Ready:
    if rule.call is None and rule.say is None:
        raise ScriptInvalid(f"a rule must call or say something - at `$.rules[{index}]`")
    return Ready(
        rule,
        _pattern(rule.match, f"$.rules[{index}].match"),
        None if rule.call is None else _pattern(rule.call, f"$.rules[{index}].call"),
    )


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.PatternError, RecursionError, OverflowError) as error:
        raise ScriptInvalid(f"no regular expression: {error} - at `{where}`") from error


class LiveScript:
    """Gives the script that holds now: of `path` where there is such a file, else the default one.

    A file that cannot be used changes nothing; `problem` says what is wrong until it is mended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._default = parse(DEFAULT_FILE.read_text(encoding="utf-8"))
        self._script = self._default
        self.problem: str | None = None

    def current(self) -> Script:
        """Return the script; costs one `stat`."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read(there=stamp is not None)
        return self._script

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self, *, there: bool) -> None:
        self.problem = None
        if not there:
            self._script = self._default
            return
        try:
            self._script = parse(_bounded(self._path))
        except (OSError, ValueError) as error:
            self.problem = str(error)[:500]
            _log.warning("script_invalid", path=str(self._path), problem=self.problem)


def _bounded(path: Path) -> str:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > FILE_BYTES_MAX:
            raise ScriptInvalid(f"larger than {FILE_BYTES_MAX} bytes")
        return file.read(FILE_BYTES_MAX).decode("utf-8")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the rule file."""
    return msgspec.json.schema(ScriptFile)
