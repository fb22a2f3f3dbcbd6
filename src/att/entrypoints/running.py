"""Wires the rooms that run what a project is: its app, its recorded runs, its tests."""

import socket
from collections.abc import Callable, Coroutine
from typing import Any

from att.appliance import Facts
from att.events.service import Events
from att.projects.service import Projects
from att.router.door import RouterDoor
from att.runtime.apps import Apps
from att.runtime.asking import Asking
from att.runtime.environment import Environments
from att.runtime.launching import Launcher
from att.runtime.ports import Configs
from att.runtime.reconcile import Reconciler
from att.runtime.service import Runtime
from att.runtime.starting import Starter
from att.runtime.telling import Teller
from att.runtime.traces import Traces
from att.store.service import Store
from att.testing.left import LeftFiles
from att.testing.service import Testing
from att.workspace.ports import Sandboxes

TRACES = "traces"


def running(
    where: Facts,
    store: Store,
    events: Events,
    projects: Projects,
    sandboxes: Sandboxes,
    configs: Configs,
    router: RouterDoor,
    *,
    appliance: bool,
) -> tuple[dict[type, Any], list[Callable[[], Coroutine[Any, Any, None]]]]:
    """Return the services and what runs beside the server."""
    environments = Environments(projects, router)
    apps = Apps(store, projects, sandboxes, Launcher(sandboxes, environments), Teller(events, projects))
    runtime, traces = Runtime(apps), Traces(store, where.paths.api_state / TRACES)
    starter = Starter(apps, runtime, configs, free=_always if appliance else _is_free)
    testing = Testing(store, events, projects, sandboxes, environments, LeftFiles())
    services: dict[type, Any] = {
        Runtime: runtime,
        Starter: starter,
        Traces: traces,
        Asking: Asking(runtime, traces),
        Testing: testing,
    }
    return services, [Reconciler(apps).run, traces.run]


def _always(_: int) -> bool:
    """Each app has a network of its own: no port there is anybody else's."""
    return True


def _is_free(port: int) -> bool:
    """Whether a loopback port can be bound: in `make dev` apps share the developer's network."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
