"""What a release's migrations are, read from their files without running them.

`upgrade/migrations/versions/NNNN_words.py` each carry `CLASS` (none, additive, breaking) and `MIN_READER`, the oldest
schema version whose code may read the database afterwards. Numbers rise by one from 0001.
"""

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from att.kernel.errors import Failed

Class = Literal["none", "additive", "breaking"]

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.py")
_ORDER: tuple[Class, ...] = ("none", "additive", "breaking")


@dataclass(frozen=True)
class Migration:
    """One step from `version - 1` to `version`; `sha256` covers its code without comments and docstrings."""

    version: int
    path: Path
    change: Class
    min_reader: int
    sha256: str


@dataclass(frozen=True)
class Head:
    """What a database is after all migrations: its version, and the oldest schema version that may read it."""

    version: int
    min_reader: int


def migrations(folder: Path) -> tuple[Migration, ...]:
    """Return the migrations below `folder` (`upgrade/migrations`) in order.

    Failed(migration_failed) for a gap, a doubled number, a missing or senseless CLASS or MIN_READER.
    """
    found = sorted(path for path in (folder / "versions").glob("*.py") if _FILE.fullmatch(path.name))
    read = tuple(_read(path) for path in found)
    for expected, migration in enumerate(read, start=1):
        if migration.version != expected:
            raise _senseless(migration.path, f"expected number {expected:04}")
    if not read:
        raise Failed("migration_failed", f"cannot read the migrations: none in {folder}")
    return read


def head(folder: Path) -> Head:
    """Return what the database of a release with these migrations is."""
    return at(migrations(folder), None)


def at(known: tuple[Migration, ...], version: int | None) -> Head:
    """Return what a database is after the migrations up to `version` (None: all)."""
    done = [migration for migration in known if version is None or migration.version <= version]
    return Head(version=len(done), min_reader=max((migration.min_reader for migration in done), default=1))


def class_between(folder: Path, old: int, new: int) -> Class:
    """Return the strongest class of the migrations after `old` up to `new`; `none` where there are none."""
    steps = [_ORDER.index(step.change) for step in migrations(folder) if old < step.version <= new]
    return _ORDER[max(steps, default=0)]


def _read(path: Path) -> Migration:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise _senseless(path, str(error)) from error
    values = _constants(tree)
    change, min_reader, number = values.get("CLASS"), values.get("MIN_READER"), int(path.name[:4])
    if change not in _ORDER:
        raise _senseless(path, "CLASS must be none, additive or breaking")
    if not isinstance(min_reader, int) or not 1 <= min_reader <= number:
        raise _senseless(path, f"MIN_READER must be a number from 1 to {number}")
    return Migration(version=number, path=path, change=change, min_reader=min_reader, sha256=_digest(tree))


def _constants(tree: ast.Module) -> dict[str, object]:
    values: dict[str, object] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                values[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                values[name] = value
            case _:
                pass
    return values


def _digest(tree: ast.Module) -> str:
    body = [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    text = ast.dump(ast.Module(body=body, type_ignores=[]), annotate_fields=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _senseless(path: Path, reason: str) -> Failed:
    return Failed("migration_failed", f"cannot read the migration {path.name}: {reason}")
