"""Wires the rooms in which NAT apps are developed; the API and `make dev` differ in the backend alone."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from att.appliance import Facts
from att.events.service import Events
from att.jobs.service import Jobs
from att.store.service import Store


@dataclass
class Developing:
    """What handlers may ask for, what runs beside the server, and what ends when it drains."""

    services: dict[type, Any] = field(default_factory=dict)
    runs: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    ends: list[Callable[[], None]] = field(default_factory=list)


def developing(where: Facts, store: Store, events: Events, jobs: Jobs, *, appliance: bool) -> Developing:
    """Build the rooms over one store."""
    return Developing()
