"""Wires the rooms in which NAT apps are developed; the API and `make dev` differ in the backend alone."""

import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from att.appliance import Facts
from att.bootstrap.project import SelfProject
from att.code.service import Code
from att.config.live import LiveSettings
from att.configs.service import Configs
from att.egress.grants import Grants
from att.entrypoints.bootstrapping import bootstrapping
from att.entrypoints.forge import forge_of
from att.entrypoints.kept import keep, listen_unix
from att.entrypoints.router_child import PORT as ROUTER_PORT
from att.entrypoints.router_child import RouterChild
from att.entrypoints.running import running
from att.entrypoints.serving import calm
from att.events.service import Events
from att.jobs.service import Jobs
from att.nat.place import nat_python
from att.nat.seam import NatSeam
from att.projects.arriving import Arriving
from att.projects.outside import Outside
from att.projects.ports import Apps, Logins, Places, Repositories, Rooms, Statuses
from att.projects.registry import Templates, templates_folder
from att.projects.sealed import Sealer, key_file
from att.projects.service import Projects
from att.projects.variables import Variables
from att.router.door import RouterDoor
from att.router.keys import RouterKeys
from att.router.service import Models
from att.runtime.service import Runtime
from att.store.service import Store
from att.workspace.agents import WorkspaceAgents
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.backends.units import UnitSandboxes
from att.workspace.ports import Agents, Sandboxes
from att.workspace.way_out import WayOut


@dataclass
class Developing:
    """What handlers may ask for, what runs beside the server, and what ends when it drains."""

    services: dict[type, Any] = field(default_factory=dict)
    runs: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    ends: list[Callable[[], None]] = field(default_factory=list)


def developing(
    where: Facts,
    store: Store,
    events: Events,
    jobs: Jobs,
    settings: LiveSettings,
    *,
    appliance: bool,
) -> Developing:
    """Build the rooms over one store."""
    rooms = Developing()
    _workspace(rooms, where, settings, appliance=appliance)
    _projects(rooms, where, store, events, jobs, settings, appliance=appliance)
    forge = forge_of(rooms.services, where, store, events, appliance=appliance)
    rooms.runs.append(forge.run)
    rooms.ends.append(forge.stop)
    _code(rooms, events)
    _models(rooms, where, appliance=appliance)
    _configs(rooms, where, events)
    _running(rooms, where, store, events, appliance=appliance)
    if appliance:
        own = bootstrapping(rooms.services, where, store, events, jobs)
        rooms.runs.append(partial(_registered, own))
    return rooms


async def _registered(own: SelfProject) -> None:
    """Register ATT's own repository once nobody waits for this process: it takes the launcher, an agent and git."""
    await calm()
    await own.run()


def _workspace(rooms: Developing, where: Facts, settings: LiveSettings, *, appliance: bool) -> None:
    way_out = WayOut(Grants.load(where.paths.api_state, where.paths.run), lambda: settings.current().egress.allow)
    sandboxes = UnitSandboxes(where, way_out) if appliance else SubprocessSandboxes(where, way_out)
    rooms.services |= {Sandboxes: sandboxes, Agents: WorkspaceAgents(sandboxes), WayOut: way_out}
    if not appliance:
        listener = listen_unix(where.unit("att-egress").socket_paths[0])
        rooms.runs.append(partial(keep, "att.entrypoints.egress", where.root, (listener,)))


def _projects(
    rooms: Developing,
    where: Facts,
    store: Store,
    events: Events,
    jobs: Jobs,
    settings: LiveSettings,
    *,
    appliance: bool,
) -> None:
    services = rooms.services
    outside = Outside(
        where,
        services[Sandboxes],
        services[Agents],
        repositories=lambda: services[Repositories],
        apps=lambda: services[Apps],
        appliance=appliance,
    )
    sealer = Sealer(key_file(where.paths.secrets, os.environ))
    variables, templates = Variables(store, sealer), Templates(templates_folder())

    def quota_bytes() -> int:
        return settings.current().projects.quota_bytes

    projects = Projects(store, events, jobs, outside, variables, quota_bytes=quota_bytes)
    services |= {Projects: projects, Places: projects, Statuses: projects, Rooms: projects}
    services |= {Variables: variables, Logins: variables, Templates: templates}
    services[Arriving] = Arriving(projects.makers, outside, templates, variables)
    rooms.runs.append(projects.run)


def _code(rooms: Developing, events: Events) -> None:
    services = rooms.services
    services[Code] = Code(services[Places], services[Rooms], services[Agents], events)


def _models(rooms: Developing, where: Facts, *, appliance: bool) -> None:
    if appliance:
        keys = RouterKeys.load(where.paths.api_state, where.paths.run)
        door = RouterDoor(where.unit("att-router").socket_paths[0], where.ports.router, keys)
    else:
        child = RouterChild(where, os.environ.get(ROUTER_PORT, ""))
        rooms.runs.append(child.run)
        door = child.door
    rooms.services |= {RouterDoor: door, Models: Models(door)}


def _configs(rooms: Developing, where: Facts, events: Events) -> None:
    seam = NatSeam(nat_python(where))
    configs = Configs(rooms.services[Places], rooms.services[Agents], seam, events)
    rooms.runs += [seam.run, configs.run]
    rooms.services |= {NatSeam: seam, Configs: configs}


def _running(rooms: Developing, where: Facts, store: Store, events: Events, *, appliance: bool) -> None:
    services = rooms.services
    projects, sandboxes = services[Projects], services[Sandboxes]
    made, runs = running(
        where, store, events, projects, sandboxes, services[Configs], services[RouterDoor], appliance=appliance
    )
    services |= {**made, Apps: made[Runtime]}
    rooms.runs += runs
