"""What rotation needs of the world."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Secret:
    """One key of the appliance's own.

    `begin` puts another one in place; `end` comes when `unit`, which loaded the former, has started again, and returns
    how many values it sealed again and what is worth knowing. Each may be done twice, and be interrupted anywhere.
    """

    name: str
    what: str
    file: Path
    unit: str
    reread: str
    ends: str
    begin: Callable[[Path], None]
    end: Callable[[], tuple[int, list[str]]] = lambda: (0, [])
    under_way: Callable[[Path], bool] = lambda _path: False


class Services(Protocol):
    """The services of the machine."""

    def restart(self, unit: str) -> None:
        """Have a service start again behind its socket, and wait until it is ready; raises Failed."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep upgrades, backups and restores out; raises Conflict while one runs."""
