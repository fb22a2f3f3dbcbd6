"""Reads YAML text into plain values and remembers at which line and column each stands.

Takes the YAML 1.2 core schema, so that `no` is a word; refuses what a settings file has no use for: duplicate keys,
aliases, tags, several documents, deep nesting, large files. Builds from events, not by recursion, so that hostile
input costs neither stack nor memory. JSON is read as the YAML it is.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

BYTES_MAX = 262_144
DEPTH_MAX = 16
Path = tuple[str | int, ...]

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]{1,18}\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?\Z")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `path` is dotted (`disk.warn_percent`), empty for the whole file."""

    path: str
    message: str
    place: Place | None = None

    def __str__(self) -> str:
        where = f"line {self.place.line}, column {self.place.column}" if self.place else ""
        if self.path:
            return f"{self.path} ({where}): {self.message}" if where else f"{self.path}: {self.message}"
        return f"{where}: {self.message}" if where else self.message


@dataclass
class Document:
    """The values of one file and where they stand: a setting at its key, an entry of a list at itself."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def dotted(path: Path) -> str:
    """Return `api.allowed_hosts[2]` of ("api", "allowed_hosts", 2)."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str) -> Document:
    """Return the document; `problems` tells all that was refused, and then `values` must not be used."""
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        return Document(problems=[Problem("", f"larger than {BYTES_MAX // 1024} KiB")])
    if text.lstrip().startswith("{"):
        text = re.sub(r"^\t+", lambda tabs: " " * len(tabs[0]), text, flags=re.MULTILINE)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
            if len(reader.document.problems) >= 20:
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reader.refuse((), str(error.problem or error.context or "not YAML"), mark)
    except (yaml.YAMLError, ValueError) as error:
        reader.refuse((), f"not YAML: {str(error).splitlines()[0]}", None)
    return reader.finish()


@dataclass
class _Open:
    """A collection that is being read."""

    path: Path
    value: dict[str, Any] | list[Any]
    key: str | None = None


class _Reader:
    def __init__(self) -> None:
        self.document = Document()
        self._stack: list[_Open] = []
        self._root: Any = None
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self.refuse((), "a second document; one file holds one", event.start_mark)
        elif isinstance(event, yaml.AliasEvent):
            self.refuse(self._path(), "an alias; write the value out", event.start_mark)
            self._put(None)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._stack.pop()

    def finish(self) -> Document:
        if self._root is None:
            self._root = {}
        if isinstance(self._root, dict):
            self.document.values = self._root
        else:
            self.refuse((), "the file must be a mapping of sections", None)
        return self.document

    def refuse(self, path: Path, message: str, mark: Any) -> None:
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        self.document.problems.append(Problem(dotted(path), message, place))

    def _open(self, event: Any) -> None:
        if self._wants_key():
            self.refuse(self._stack[-1].path, "a key must be a word", event.start_mark)
            self._stack[-1].key = ""
        path = self._path()
        if len(self._stack) >= DEPTH_MAX:
            raise ValueError(f"nested deeper than {DEPTH_MAX} levels")
        self._tag(event, path)
        self._place(path, event.start_mark)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(value)
        self._stack.append(_Open(path, value))

    def _scalar(self, event: Any) -> None:
        if self._wants_key():
            self._key(event)
            return
        path = self._path()
        self._tag(event, path)
        self._place(path, event.start_mark)
        self._put(plain(event.value) if event.implicit[0] else event.value)

    def _key(self, event: Any) -> None:
        top = self._stack[-1]
        path = (*top.path, event.value)
        if event.value in top.value:
            first = self.document.places.get(path)
            self.refuse(path, f"given twice, first on line {first.line}" if first else "given twice", event.start_mark)
        self._place(path, event.start_mark)
        top.key = event.value

    def _wants_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _path(self) -> Path:
        if not self._stack:
            return ()
        top = self._stack[-1]
        return (*top.path, len(top.value)) if isinstance(top.value, list) else (*top.path, top.key or "")

    def _put(self, value: Any) -> None:
        if not self._stack:
            self._root = value
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            top.key = ""
        else:
            top.value[top.key] = value
            top.key = None

    def _place(self, path: Path, mark: Any) -> None:
        self.document.places.setdefault(path, Place(mark.line + 1, mark.column + 1))

    def _tag(self, event: Any, path: Path) -> None:
        if event.tag not in (None, "!"):
            self.refuse(path, f"a tag ({event.tag}); write the plain value", event.start_mark)


def plain(text: str) -> Any:
    """Return the value of an unquoted scalar by the YAML 1.2 core schema."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text)
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text)
    return text
