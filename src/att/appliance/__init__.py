"""The facts of the appliance (`appliance/appliance.toml`), typed, and where the running release lies."""

from att.appliance.facts import (
    Facts,
    Limits,
    Paths,
    Ports,
    Product,
    Unit,
    facts,
    load_facts,
)
from att.appliance.running import release_root, running_release

__all__ = [
    "Facts",
    "Limits",
    "Paths",
    "Ports",
    "Product",
    "Unit",
    "facts",
    "load_facts",
    "release_root",
    "running_release",
]
