"""Reads a NAT config's YAML as NAT will, and remembers where in the text each key and value stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from att_nat.problem import Code, Path, Place, Problem, Severity, dotted
from att_nat.variables import Unsettled, Variables

TEXT_CHARS_MAX = 512 * 1024
DEPTH_MAX = 64
VALUES_MAX = 50_000
FILE_SUFFIXES = (".txt", ".md", ".j2", ".jinja2", ".jinja", ".prompt", ".tpl", ".template")
_FILE = "file://"
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_NO_SCALARS = tuple(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "set", "omap", "pairs"))
_CONSTRUCTORS_RAISE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML's constructors let through for a value that does not fit its tag."""


@dataclass
class Document:
    """The data of one or more texts, with the place of each key and value, and what was wrong with reading it."""

    file: str
    data: dict[Any, Any] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    variables: list[tuple[str, Place]] = field(default_factory=list)
    """Names of variables without a default."""
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where the value at `path` stands (`key`: its key), else its nearest ancestor."""
        while path:
            if key and path in self.keys:
                return self.keys[path]
            if path in self.values:
                return self.values[path]
            path, key = path[:-1], True
        return Place(self.file)


class _Unreadable(Exception):
    def __init__(self, code: Code, message: str, place: Place, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(Severity.ERROR, code, message, place, hint=hint)


def read(file: str, text: str) -> Document:
    """Return the document of one text; what cannot be read is among its problems, and then the data is empty."""
    document = Document(file)
    try:
        _Reader(document, text).read()
    except _Unreadable as error:
        document.problems.append(error.problem)
    return document


def merge(base: Document, over: Document) -> Document:
    """Return `over` merged on `base` as NAT does it; places stay those of the file that gave the value."""
    merged = Document(
        over.file,
        keys=dict(base.keys),
        values=dict(base.values),
        variables=base.variables + over.variables,
        problems=base.problems + over.problems,
    )
    merged.data = _merged(base.data, over.data, (), merged, over)
    return merged


def _merged(base: Mapping[Any, Any], over: Mapping[Any, Any], path: Path, into: Document, given: Document) -> Any:
    result = dict(base)
    for key, value in over.items():
        inner = (*path, key)
        into.keys.update({inner: given.keys[inner]} if inner in given.keys else {})
        into.values.update({inner: given.values[inner]} if inner in given.values else {})
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value, inner, into, given)
        else:
            length = len(inner)
            for places, theirs in ((into.keys, given.keys), (into.values, given.values)):
                for old in [one for one in places if one[:length] == inner and len(one) > length]:
                    del places[old]
                places.update({one: at for one, at in theirs.items() if one[:length] == inner})
            result[key] = value
    return result


class _Reader:
    """Turns the nodes of one text into data; every recursion is bounded by DEPTH_MAX, all of it by VALUES_MAX."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._text = text
        self._variables = Variables(text)
        # libyaml takes tabs between tokens, which the loader in Python, NAT's, refuses.
        self._loader: Any = yaml.SafeLoader if "\t" in self._variables.text else _FAST
        self._scalars = self._loader("")
        self._count = 0

    def read(self) -> None:
        if len(self._text) > TEXT_CHARS_MAX:
            raise self._refuse(Code.TOO_LARGE, f"the config is longer than {TEXT_CHARS_MAX} characters")
        self._check_variables()
        root = self._compose()
        if root is None:
            raise self._refuse(Code.EMPTY, "the config is empty", hint="it needs at least a workflow")
        if not isinstance(root, MappingNode):
            raise self._refuse(Code.NOT_A_MAPPING, "the config must be a mapping of sections", self._at(root))
        self._document.values[()] = self._at(root)
        self._document.data = self._mapping(root, ())

    def _compose(self) -> Node | None:
        try:
            self._check_depth()
            loader = self._loader(self._variables.text)
            try:
                found: Node | None = loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            raise self._broken(error) from error
        except (yaml.YAMLError, ValueError) as error:
            raise self._refuse(Code.YAML_INVALID, f"this is no YAML: {_first_line(error)}") from error
        return found

    def _check_depth(self) -> None:
        """Count before anything recurses: the parser's events come one by one."""
        depth = 0
        for event in yaml.parse(self._variables.text, Loader=self._loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEPTH_MAX:
                    raise self._too_deep(self._mark(event.start_mark))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _check_variables(self) -> None:
        for variable in self._variables.found:
            # By the line breaks that YAML knows, as all other places are.
            lines = self._text[: variable.offset + 1].splitlines()
            place = Place(self._document.file, len(lines), len(lines[-1]))
            if not variable.closed:
                message = f"{variable.text!r} has no closing brace"
                raise self._refuse(Code.VARIABLE_INVALID, message, place, hint="write ${NAME} or ${NAME:-default}")
            if variable.name and variable.default is None:
                self._document.variables.append((variable.name, place))

    def _value(self, node: Node, path: Path) -> Any:
        self._count += 1
        if self._count > VALUES_MAX:
            raise self._refuse(Code.TOO_LARGE, f"the config has more than {VALUES_MAX} values", self._at(node))
        if len(path) > DEPTH_MAX:
            raise self._too_deep(self._at(node))
        self._document.values[path] = self._at(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if node.tag not in _COLLECTIONS:
            raise self._refuse(Code.YAML_INVALID, f"this is no YAML for NAT: the tag {node.tag[:80]}", self._at(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        return [self._value(one, (*path, index)) for index, one in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        own: set[Any] = set()
        for key_node, value_node in self._pairs(node):
            key = self._key(key_node)
            inner = (*path, key)
            if key in own:
                self._repeated(key, key_node, inner)
            own.add(key)
            self._document.keys[inner] = self._at(key_node)
            value = self._value(value_node, inner)
            result[key] = self._of_file(value, inner) if isinstance(value, str) else value
        for merged_node in self._merged_nodes(node):
            for key, value in self._from_merge(merged_node, path).items():
                result.setdefault(key, value)
        return result

    def _of_file(self, value: str, path: Path) -> str:
        """Return a text that NAT replaces by a file's as unsettled; say when NAT takes no such file."""
        if not value.startswith(_FILE):
            return value
        if not value.lower().endswith(FILE_SUFFIXES) and not isinstance(value, Unsettled):
            message = f"NAT reads no such file into a config: {value[:200]}"
            hint = f"its name must end in one of {', '.join(FILE_SUFFIXES)}"
            at = self._document.values[path]
            self._document.problems.append(
                Problem(Severity.ERROR, Code.FILE_REFERENCE, message, at, dotted(path), hint)
            )
        return Unsettled(value)

    def _from_merge(self, node: Node, path: Path) -> dict[Any, Any]:
        """Return what `<<` brings; the places are those of the anchor, but never over a key's own."""
        kept_keys, kept_values = dict(self._document.keys), dict(self._document.values)
        value = self._value(node, path)
        if not isinstance(value, dict):
            raise self._refuse(Code.YAML_INVALID, "<< takes a mapping or a list of mappings", self._at(node))
        self._document.keys.update(kept_keys)
        self._document.values.update(kept_values)
        return value

    def _pairs(self, node: MappingNode) -> Iterator[tuple[Node, Node]]:
        return ((key, value) for key, value in node.value if key.tag != _MERGE)

    def _merged_nodes(self, node: MappingNode) -> Iterator[Node]:
        for key, value in node.value:
            if key.tag == _MERGE:
                yield from value.value if isinstance(value, SequenceNode) else [value]

    def _key(self, node: Node) -> Any:
        if not isinstance(node, ScalarNode):
            raise self._refuse(Code.YAML_INVALID, "a key must be a plain value", self._at(node))
        return self._scalar(node)

    def _repeated(self, key: Any, node: Node, path: Path) -> None:
        first = self._document.keys[path]
        message = f"the key {str(key)[:80]!r} stands here a second time, first in line {first.line}"
        problem = Problem(
            Severity.ERROR, Code.KEY_REPEATED, message, self._at(node), dotted(path), "NAT would take the last one"
        )
        self._document.problems.append(problem)

    def _scalar(self, node: ScalarNode) -> Any:
        resolved = node
        settled = True
        if self._variables.touches(node.value):
            text, settled = self._variables.resolve(node.value)
            tag = self._scalars.resolve(ScalarNode, text, (True, False)) if not node.style else _TEXT
            resolved = ScalarNode(tag, text, node.start_mark, node.end_mark, node.style)
        if not settled:
            return Unsettled(resolved.value)
        if resolved.tag == _TEXT:
            return resolved.value
        if resolved.tag in _NO_SCALARS:
            raise self._refuse(Code.YAML_INVALID, f"this is no YAML: {node.tag[:80]} of a plain value", self._at(node))
        try:
            return self._scalars.construct_object(resolved)
        except yaml.MarkedYAMLError as error:
            raise self._broken(error) from error
        except _CONSTRUCTORS_RAISE as error:
            message = f"this value cannot be read: {_first_line(error)}"
            raise self._refuse(Code.YAML_INVALID, message, self._at(node)) from error

    def _at(self, node: Node) -> Place:
        return self._mark(node.start_mark)

    def _mark(self, mark: Any) -> Place:
        if mark is None:
            return Place(self._document.file)
        return Place(self._document.file, mark.line + 1, mark.column + 1)

    def _too_deep(self, place: Place) -> _Unreadable:
        return self._refuse(Code.TOO_LARGE, f"the config nests deeper than {DEPTH_MAX} levels", place)

    def _broken(self, error: yaml.MarkedYAMLError) -> _Unreadable:
        problem = self._original(str(error.problem or error.context or "it cannot be read"))
        mark = error.problem_mark or error.context_mark
        hint = "YAML indents with spaces, never with tabs" if self._tab_at(mark) else ""
        return self._refuse(Code.YAML_INVALID, f"this is no YAML: {problem[:400]}", self._mark(mark), hint=hint)

    def _tab_at(self, mark: Any) -> bool:
        lines = self._text.split("\n") if mark is not None else []
        return bool(lines) and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t"

    def _original(self, text: str) -> str:
        return self._variables.resolve(text)[0]

    def _refuse(self, code: Code, message: str, place: Place | None = None, hint: str = "") -> _Unreadable:
        return _Unreadable(code, message, place or Place(self._document.file), hint)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
