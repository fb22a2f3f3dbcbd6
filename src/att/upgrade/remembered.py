"""The engine's own small files under its state directory: what outlives every release and every restored database."""

import json
from pathlib import Path
from typing import Any

from att_stage0.world import World

START = "start.json"


def bad_versions(path: Path) -> tuple[tuple[str, str], ...]:
    """Version and digest of every release that was rolled back."""
    found = _read(path)
    entries = found if isinstance(found, list) else []
    return tuple((str(one.get("version", "")), str(one.get("digest", ""))) for one in entries if isinstance(one, dict))


def start_seconds(state: Path, release: str) -> float | None:
    """How long that release took to start when it was last measured."""
    found = _read(state / START)
    seconds = found.get(release) if isinstance(found, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def remember_start(world: World, release: str, seconds: float) -> None:
    """Keep the measured start of a release; those of releases that are gone are forgotten."""
    path = world.layout.upgrade_state / START
    found = _read(path)
    known = {name: value for name, value in found.items() if name in world.links().releases} if found else {}
    world.write(path, json.dumps({**known, release: round(seconds, 3)}) + "\n")


def remember_database(
    world: World, directory: str, *, version: int, min_reader: int, origin: str, release: str
) -> None:
    """Write down what a database directory is, for a recovery that cannot open it."""
    told = {"version": version, "min_reader": min_reader, "origin": origin, "release": release}
    world.write(world.layout.databases / f"{directory}.json", json.dumps(told) + "\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
