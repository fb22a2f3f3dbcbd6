"""Which paths of ATT's own repository mean more than code: pure.

The running release asks this of a change, never the change of itself. A folder ends in `/`; what takes its place as a
file or link counts as it does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

PROTECTED = (
    ".att/",
    "src/att/bootstrap/",
    "src/att/config/",
    "src/att/effects/peers.py",
    "src/att/entrypoints/build.py",
    "src/att/entrypoints/launcher.py",
    "src/att/entrypoints/selftest.py",
    "src/att/entrypoints/upgraded.py",
    "src/att/health/",
    "src/att/release/",
    "src/att/surfaces/cli/bootstrap.py",
    "src/att/upgrade/",
    "src/att/workspace/launcher.py",
    "src/att/workspace/launcher_wire.py",
    "src/att/workspace/units.py",
    "systemd/att-build@.service",
    "systemd/att-launcher.service",
    "systemd/att-upgraded.service",
    "upgrade/gates.toml",
    "upgrade/supported.toml",
)
"""What judges a change or shows it to people: gates, engine, installer, launcher, this policy, who is at a socket, the
door of settings, the checks."""
IMAGE = ("appliance/", "packer/", "provision/")
"""What an appliance has from its image and no release can replace; so has every `.socket`."""


@dataclass(frozen=True)
class Touched:
    """The paths of a change that mean more than code, each sorted."""

    protected: tuple[str, ...] = ()
    image: tuple[str, ...] = ()


def touched(paths: Iterable[str]) -> Touched:
    """Sort out what the changed, added and removed `paths` touch; a renamed file is both its names."""
    every = sorted(set(paths))
    return Touched(
        protected=_below(PROTECTED, every),
        image=tuple(path for path in every if _is_below(path, IMAGE) or path.endswith(".socket")),
    )


def _below(places: tuple[str, ...], paths: list[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if _is_below(path, places))


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place.rstrip("/") or (place.endswith("/") and path.startswith(place)) for place in places)
