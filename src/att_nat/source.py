"""Reads the project's own components from the text of its package: which classes there are, never running them."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from att_nat.catalogue import Component, NatSchema
from att_nat.problem import Code, Place, Problem, Severity

FIELDS_MAX = 200
_SIMPLE: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "None": None}
_LISTS = frozenset({"list", "List", "Sequence", "set", "Set", "frozenset", "tuple", "Tuple", "Iterable"})
_DICTS = frozenset({"dict", "Dict", "Mapping"})
_UNKNOWN: Any = object()


@dataclass(frozen=True)
class Bases:
    """What a project's class may derive from: class name → kind and model; `references` are types of references."""

    models: Mapping[str, tuple[str, type[BaseModel]]] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)
    generator: type[NatSchema] = NatSchema


@dataclass
class Own:
    """What was found in a package: components, kinds with names only known at run time, and what could not be read."""

    components: list[Component] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Class:
    node: ast.ClassDef
    file: str
    aliases: Mapping[str, str]
    bases: list[str]


def read_sources(sources: Mapping[str, str], bases: Bases, package: str = "") -> Own:
    """Return the components of the files `sources` (path → text)."""
    own = Own()
    classes: dict[str, _Class] = {}
    for file, text in sorted(sources.items()):
        tree = _parse(file, text, own)
        if tree is not None:
            aliases = _aliases(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    names = [_called(base, aliases) for base in node.bases]
                    classes.setdefault(node.name, _Class(node, file, aliases, names))
    builder = _Builder(classes, bases, own, package)
    for name in classes:
        builder.build(name, ())
    return own


class _Builder:
    """Makes a model of each class that derives, through whatever own classes, from one that NAT knows."""

    def __init__(self, classes: Mapping[str, _Class], bases: Bases, own: Own, package: str) -> None:
        self._classes = classes
        self._bases = bases
        self._own = own
        self._package = package
        self._built: dict[str, tuple[str, type[BaseModel]] | None] = {}

    def build(self, name: str, way: tuple[str, ...]) -> tuple[str, type[BaseModel]] | None:
        """Return kind and model of the class, None when it is no component; `way` are the classes that led here."""
        if name not in self._classes:
            return self._bases.models.get(name)
        if name in way:
            return None
        if name not in self._built:
            found = self._classes[name]
            parents = [self.build(base, (*way, name)) for base in found.bases]
            parent = next((one for one in parents if one), None)
            self._built[name] = self._model(found, *parent) if parent else None
        return self._built[name]

    def _model(self, found: _Class, kind: str, base: type[BaseModel]) -> tuple[str, type[BaseModel]]:
        node = found.node
        model = _make(node, base, found.aliases, self._bases.references)
        place = Place(found.file, node.lineno, node.col_offset + 1)
        if model is None:
            message = f"the fields of {node.name} cannot be told from its text"
            self._own.problems.append(Problem(Severity.WARNING, Code.SOURCE_UNCLEAR, message, place))
            model = create_model(node.name, __config__=ConfigDict(extra="allow"), type=(str, ""))
        for keyword in node.keywords:
            if keyword.arg == "name":
                self._add(found, kind, model, keyword.value, place)
        return kind, model

    def _add(self, found: _Class, kind: str, model: type[BaseModel], name: ast.expr, place: Place) -> None:
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            description = (ast.get_docstring(found.node) or "").strip()[:2000]
            module = found.file.removesuffix(".py").removeprefix("src/").replace("/", ".")
            full = f"{module.rpartition('.')[0] or module}/{name.value}"
            self._own.components.append(
                Component(
                    kind,
                    name.value,
                    model,
                    full,
                    self._package,
                    description=description,
                    own=True,
                    generator=self._bases.generator,
                )
            )
            return
        self._own.unclear.add(kind)
        message = f"the name of {found.node.name} is only known when it runs"
        hint = 'write name="…" as a plain text, so that configs can be checked'
        self._own.problems.append(Problem(Severity.WARNING, Code.SOURCE_UNCLEAR, message, place, hint=hint))


def _parse(file: str, text: str, own: Own) -> ast.Module | None:
    try:
        return ast.parse(text, file)
    except SyntaxError as error:
        place = Place(file, max(error.lineno or 1, 1), max(error.offset or 1, 1))
        own.problems.append(Problem(Severity.ERROR, Code.SOURCE_INVALID, f"this is no Python: {error.msg}", place))
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"this cannot be read as Python: {str(error)[:200]}"
        own.problems.append(Problem(Severity.ERROR, Code.SOURCE_INVALID, message, Place(file)))
    return None


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return local name → imported name for what is imported under another name."""
    return {
        alias.asname: alias.name.rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }


def _called(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """Return the last name of a name, attribute or subscript, as it was imported."""
    if isinstance(node, ast.Subscript):
        return _called(node.value, aliases)
    if isinstance(node, ast.Attribute):
        return node.attr
    return aliases.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _make(
    node: ast.ClassDef, base: type[BaseModel], aliases: Mapping[str, str], references: Mapping[str, Any]
) -> type[BaseModel] | None:
    """Return the model that the class body describes, None when there is no telling."""
    try:
        fields = dict(_fields(node, aliases, references))
        return create_model(node.name, __base__=base, __module__=__name__, **fields)
    except Exception:  # noqa: BLE001 - pydantic refuses in many ways what no class would be
        return None


def _fields(node: ast.ClassDef, aliases: Mapping[str, str], references: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    count = 0
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        if name.startswith("_") or name == "model_config" or _called(statement.annotation, aliases) == "ClassVar":
            continue
        count += 1
        if count > FIELDS_MAX:
            raise ValueError("too many fields")
        kind = _type(statement.annotation, aliases, references)
        yield name, (kind, _default(statement.value, aliases))


def _type(node: ast.expr, aliases: Mapping[str, str], references: Mapping[str, Any]) -> Any:
    """Return the type that an annotation means, Any where that cannot be told."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _type(ast.parse(node.value, mode="eval").body, aliases, references)
        return None if node.value is None else Any
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _type(node.left, aliases, references) | _type(node.right, aliases, references)
    name = _called(node, aliases)
    if isinstance(node, ast.Subscript):
        return _generic(name, node.slice, aliases, references)
    if name in references:
        return references[name]
    return _SIMPLE.get(name, list if name in _LISTS else dict if name in _DICTS else Any)


def _generic(name: str, slice_: ast.expr, aliases: Mapping[str, str], references: Mapping[str, Any]) -> Any:
    arguments = slice_.elts if isinstance(slice_, ast.Tuple) else [slice_]
    if name == "Literal":
        values = [one.value for one in arguments if isinstance(one, ast.Constant)]
        return Literal[tuple(values)] if len(values) == len(arguments) else Any
    if name == "Annotated":
        return _type(arguments[0], aliases, references)
    inner = [_type(one, aliases, references) for one in arguments]
    if name == "Optional":
        return inner[0] | None
    if name == "Union":
        result = inner[0]
        for one in inner[1:]:
            result = result | one
        return result
    if name in _LISTS:
        return list[inner[0]]  # type: ignore[valid-type]  # a type made at run time
    if name in _DICTS and len(inner) > 1:
        return dict[str, inner[1]]  # type: ignore[valid-type]  # a type made at run time
    return Any


def _default(value: ast.expr | None, aliases: Mapping[str, str]) -> Any:
    """Return what create_model takes as default: `...` for a required field, a FieldInfo with its description."""
    if value is None:
        return ...
    if not (isinstance(value, ast.Call) and _called(value.func, aliases) == "Field"):
        return Field(default=_constant(value))
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    first = value.args[0] if value.args else given.get("default")
    settings: dict[str, Any] = {}
    description = _constant(given["description"]) if "description" in given else None
    if isinstance(description, str):
        settings["description"] = description[:2000]
    alias = _constant(given["alias"]) if "alias" in given else None
    if isinstance(alias, str):
        settings["alias"] = alias
    if first is not None and not (isinstance(first, ast.Constant) and first.value is ...):
        settings["default"] = _constant(first)
    elif "default_factory" in given:
        settings["default"] = None
    return Field(**settings)


def _constant(node: ast.expr) -> Any:
    """Return a literal's value, None for what only running it would tell."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
