"""Wires git of the worktrees and the embedded forge."""

from typing import Any

from att.appliance import Facts
from att.events.service import Events
from att.forge.http import HttpForge
from att.forge.ports import Policies, PullRequests, Runs
from att.forge.remotes import Remotes
from att.forge.service import Forge
from att.forge.transfers import Transfers
from att.git.service import Git
from att.projects.ports import Logins, Places, Repositories, Rooms
from att.router.door import RouterDoor
from att.runtime.environment import Environments
from att.store.service import Store
from att.workspace.ports import Agents, Sandboxes
from att.workspace.way_out import WayOut


def forge_of(services: dict[type, Any], where: Facts, store: Store, events: Events, *, appliance: bool) -> Forge:
    """Add the forge and git to `services`; the forge's `run` and `stop` are the caller's to call."""
    places: Places = services[Places]
    forge = Forge(
        where.paths.forge,
        store,
        events,
        services[Agents],
        services[Sandboxes],
        places.place,
        lambda: services[Logins],
        lambda: Environments(places, services[RouterDoor]),
        Transfers(services[Sandboxes], services[WayOut]),
        files=not appliance,
    )
    git = Git(places, services[Agents], forge.repositories, forge.remotes, services[Rooms], events)
    services |= {Forge: forge, Repositories: forge, Policies: forge, Remotes: forge.remotes, Git: git}
    services |= {PullRequests: forge.pulls, Runs: forge.checks, HttpForge: HttpForge(forge.repositories, places.place)}
    return forge
