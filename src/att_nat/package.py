"""Offers a project's Python package to NAT without installing it: its entry points are read from pyproject.toml."""

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_FILE = "pyproject.toml"
PROJECT_BYTES_MAX = 1024 * 1024
NAT_GROUPS = ("nat.plugins", "nat.components", "nat.front_ends", "nat.evaluators", "nat.authentication_providers")


class CannotOffer(Exception):
    """The project's pyproject.toml cannot be used; the text says why."""


@dataclass(frozen=True)
class Package:
    """A project's package as pyproject.toml describes it; `entry_points` is group → name → object."""

    name: str
    version: str
    source: Path
    entry_points: Mapping[str, Mapping[str, str]]

    def plugins(self) -> Iterator[tuple[str, str]]:
        """Yield name and object of each entry point that NAT loads."""
        for group in NAT_GROUPS:
            yield from self.entry_points.get(group, {}).items()


def read_package(project: Path) -> Package | None:
    """Return the package of the folder `project`, None when it has no pyproject.toml; raises CannotOffer."""
    try:
        raw = _read(project / PROJECT_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotOffer(f"cannot read {PROJECT_FILE}: {error.strerror}") from error
    try:
        table = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CannotOffer(f"cannot read {PROJECT_FILE}: {error}") from error
    return _package(table, project)


def offer(package: Package, scratch: Path) -> None:
    """Make `package` importable and its entry points visible, in this process and in those it starts.

    `scratch` is a folder of this process's own; the description of the package is written there.
    """
    described = scratch / f"{_file_name(package.name)}-{_file_name(package.version)}.dist-info"
    described.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n"
    (described / "METADATA").write_text(metadata, encoding="utf-8")
    (described / "top_level.txt").write_text("".join(f"{name}\n" for name in _modules(package.source)))
    sections = [
        "".join([f"[{group}]\n", *(f"{name} = {value}\n" for name, value in points.items())])
        for group, points in package.entry_points.items()
    ]
    (described / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")
    paths = [str(scratch), str(package.source)]
    sys.path[:0] = paths
    inherited = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *inherited])


def _package(table: dict[str, Any], project: Path) -> Package:
    about = table.get("project", {})
    points = about.get("entry-points", {}) if isinstance(about, dict) else None
    if points is None or not _is_table_of_texts(points):
        raise CannotOffer(f'cannot read {PROJECT_FILE}: [project.entry-points.<group>] must hold name = "module"')
    source = project / "src"
    return Package(
        name=_one_line(about.get("name")) or "project",
        version=_one_line(about.get("version")) or "0",
        source=(source if source.is_dir() else project).resolve(),
        entry_points=points,
    )


def _is_table_of_texts(points: Any) -> bool:
    return isinstance(points, dict) and all(
        isinstance(group, dict)
        and all(isinstance(value, str) and _one_line(value) == value for value in group.values())
        for group in points.values()
    )


def _one_line(value: Any) -> str:
    """Return a value that may stand in one line of the package's description, else nothing."""
    return value.strip() if isinstance(value, str) and value.isprintable() else ""


def _file_name(value: str) -> str:
    return "".join(char if char.isalnum() or char in ".+!" else "_" for char in value)


def _modules(source: Path) -> list[str]:
    return sorted(path.stem for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(PROJECT_BYTES_MAX + 1)
    if len(raw) > PROJECT_BYTES_MAX:
        raise CannotOffer(f"cannot read {PROJECT_FILE}: it is larger than {PROJECT_BYTES_MAX} bytes")
    return raw
