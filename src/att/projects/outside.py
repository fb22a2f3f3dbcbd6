"""What projects do to the world, in one hand: the sandbox, its agent, the forge, the apps."""

from collections.abc import Callable
from dataclasses import dataclass

from att.appliance import Facts
from att.projects.ports import Apps, Repositories
from att.projects.records import Stored
from att.workspace.place import Place
from att.workspace.ports import Agents, Sandboxes
from att.workspace.units import Slot

SLOTS = 256


@dataclass(frozen=True)
class Outside:
    """The far sides of projects. `appliance` says whether each project has a user of its own.

    The forge and the runtime stand above projects: they are asked for when they are needed.
    """

    where: Facts
    sandboxes: Sandboxes
    agents: Agents
    repositories: Callable[[], Repositories]
    apps: Callable[[], Apps]
    appliance: bool

    def place(self, row: Stored) -> Place:
        """Return where a project lies: on the appliance in the folder of its slot, which the machine made at boot."""
        if row.slot is None:
            return Place(row.id, row.slug, self.where.paths.projects / row.id)
        slot = Slot(row.slot)
        return Place(row.id, row.slug, self.where.paths.projects / slot.folder, slot.user)

    async def remove(self, row: Stored) -> None:
        """Stop and remove everything of a project but its row; may run again."""
        place = self.place(row)
        await self.apps().stop_all(place)
        # The forge first: it has nothing more to run there, nor an agent to ask, once it knows the project no longer.
        await self.repositories().remove(row.id)
        await self.sandboxes.remove(place)
