"""Reads appliance.toml into frozen dataclasses: paths, ports, groups, limits and units, each named once.

Imported by `attctl --help`, so it costs next to nothing: the standard library alone, read once a process.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from att.kernel.errors import Failed

VARIABLE = "ATT_APPLIANCE_TOML"
_HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Product:
    """What a bundle must be made for, and what this appliance offers it."""

    name: str
    compatible: str
    architecture: str
    python: str
    contract: int


@dataclass(frozen=True)
class Paths:
    """Every path of the machine; appliance.toml says beside each what it is."""

    image: Path
    stage0: Path
    trust: Path
    opt: Path
    releases: Path
    current: Path
    previous: Path
    journal: Path
    config: Path
    secrets: Path
    state: Path
    api_state: Path
    api_database: Path
    upgrade_state: Path
    local_trust: Path
    uploads: Path
    projects: Path
    forge: Path
    backups: Path
    tls: Path
    logs: Path
    audit: Path
    run: Path
    keys: Path
    launch: Path
    seed: Path
    seed_bundle: Path
    docs: Path
    manual: Path


@dataclass(frozen=True)
class Ports:
    """TCP ports of the appliance."""

    appliance: int
    router: int
    memory: int


@dataclass(frozen=True)
class Limits:
    """Upper bounds: bytes, files, or a count, as the name says."""

    bundle_bytes_max: int
    release_bytes_max: int
    release_files_max: int
    metadata_bytes_max: int
    upload_bytes_max: int
    projects_max: int
    releases_kept: int


@dataclass(frozen=True)
class Unit:
    """One service of the machine; `listen` holds socket paths and `address:port`."""

    name: str
    user: str
    owner: str
    purpose: str
    exposure_max: float
    listen: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    socket_group: str | None = None
    socket_mode: str = "0660"
    socket: bool = True
    timer: bool = False

    @property
    def socket_paths(self) -> tuple[Path, ...]:
        """The unix sockets among `listen`."""
        return tuple(Path(address) for address in self.listen if address.startswith("/"))


@dataclass(frozen=True)
class Facts:
    """All of appliance.toml."""

    product: Product
    paths: Paths
    ports: Ports
    limits: Limits
    groups: Mapping[str, str]
    units: tuple[Unit, ...]
    root: Path = field(default=Path("/"))

    def unit(self, name: str) -> Unit:
        """Return the unit `name` (without suffix); KeyError when the table has no such row."""
        for unit in self.units:
            if unit.name == name:
                return unit
        raise KeyError(name)

    def rooted(self, root: Path) -> "Facts":
        """Return the same facts with every path and unix socket below `root`, as a staged root has them."""
        moved = {item.name: _below(root, getattr(self.paths, item.name)) for item in fields(Paths)}
        return replace(
            self,
            paths=Paths(**moved),
            units=tuple(replace(unit, listen=_listen_below(root, unit.listen)) for unit in self.units),
            root=_below(root, self.root),
        )


@cache
def facts() -> Facts:
    """Return the facts of this machine: of `ATT_APPLIANCE_TOML`, else of the installed copy, else of the checkout."""
    return load_facts(facts_file())


def facts_file() -> Path:
    """Return the path of the appliance.toml that `facts` reads."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    installed = _HERE.with_name("appliance.toml")
    return installed if installed.exists() else _HERE.parents[3] / "appliance" / "appliance.toml"


def load_facts(path: Path) -> Facts:
    """Read one appliance.toml; Failed("internal") names the file and what is wrong with it."""
    try:
        return _facts(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Failed("internal", f"cannot read the facts in {path}: {error}") from error


def _facts(table: dict[str, Any]) -> Facts:
    return Facts(
        product=Product(**table["product"]),
        paths=Paths(**{name: Path(path) for name, path in table["paths"].items()}),
        ports=Ports(**table["ports"]),
        limits=Limits(**table["limits"]),
        groups=dict(table["groups"]),
        units=tuple(_unit(row) for row in table["unit"]),
    )


def _unit(row: dict[str, Any]) -> Unit:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Unit(**values)


def _below(root: Path, path: Path) -> Path:
    return root / str(path).removeprefix("/")


def _listen_below(root: Path, listen: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(_below(root, Path(address))) if address.startswith("/") else address for address in listen)
