"""A model machine that can die before every single call that changes its disk, and whose power cuts lose what nobody
synced. A dead one changes nothing more: what a real process would not do any more, its cleanup does not do here.
"""

import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.disk import Disk
from tests.crash.machine import Crash, Machine
from tests.crash.releases import FakeBundle

from att.upgrade.decision import Schema
from att.upgrade.ports import DatabaseInfo, Tell
from att.upgrade.tools import Tools

_OURS = (f"{os.sep}src{os.sep}att{os.sep}", f"{os.sep}att_stage0{os.sep}")


@dataclass
class Faulty(Machine):
    """Counts every call that changes its disk as an effect."""

    disk: Disk = field(init=False)
    quiet: int = 1
    point: str = ""
    """The effect that was counted last, with the state and the place that it comes from."""
    chance: random.Random | None = None
    """By which a power cut leaves a part of what nobody synced; None: nothing of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.disk = Disk(self.root)

    def watch(self) -> None:
        """Count from here on; what is there is durable."""
        self.disk.settle()
        self.quiet = 0

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Change the disk on behalf of somebody else than the engine and stage0."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1

    def step(self, what: str) -> None:
        """Count one effect, and die before it when its time has come."""
        if self.dead:
            raise Crash(what)
        self.effects.append(what)
        self.point = f"{self._standing()}: {what} in {_place()}"
        if self.crash_at is not None and len(self.effects) >= self.crash_at:
            self.crash_at = None
            self.dead = True
            raise Crash(what)

    def tick(self, effect: str) -> None:
        """See `Machine`."""
        with self.unseen():
            self.write_row()
        self.step(effect)

    def call(self, name: str, path: Path) -> None:
        """Count one call of the system; raises `Crash`."""
        told = re.sub(r"[0-9a-f]{8,}|\d{6,}", "*", str(path.relative_to(self.root)))
        self.step(f"{name} {told}")

    def _standing(self) -> str:
        for effect in reversed(self.effects[:-1]):
            if effect.startswith("journal ") and effect.split()[1].isupper():
                return effect.removeprefix("journal ")
        return "IDLE"

    # -- the far sides change what is theirs, and make it durable as their contracts say

    def tools(self) -> Tools:
        tools = super().tools()
        tools.open = lambda fd: Unpacked(self.bundles[fd], machine=self)  # type: ignore[assignment,return-value] # a fake
        return tools

    def write_row(self) -> None:
        with self.unseen():
            before = len(self.acked)
            super().write_row()
            process = self._api()
            if process is not None and len(self.acked) > before:
                self._kept(process.database)

    def create(self, release: str, directory: str) -> DatabaseInfo:
        with self.unseen():
            found = super().create(release, directory)
            self._kept(directory)
            return found

    def snapshot(self, release: str, directory: str, target: str, seconds: float, tell: Tell) -> None:
        with self.unseen():
            super().snapshot(release, directory, target, seconds, tell)
            self._kept(target)

    def migrate(self, release: str, directory: str, seconds: float, tell: Tell) -> Schema:
        with self.unseen():
            found = super().migrate(release, directory, seconds, tell)
            self._kept(directory)
            return found

    def _kept(self, directory: str) -> None:
        self.disk.sync_tree(self._directory(directory))
        self.disk.sync(self.facts.paths.api_state)

    def power_cut(self) -> None:
        with self.unseen():
            self.disk.cut(self.chance)
            super().power_cut()
            self.disk.settle()


@dataclass
class Unpacked(FakeBundle):
    """Unpacks for a machine that watches: the tree is durable at its end (upgrade.md, F2)."""

    machine: Faulty = field(kw_only=True)

    def unpack(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        with self.machine.unseen():
            super().unpack(target, progress)
            self.machine.disk.sync_tree(self.machine.root)


def _place() -> str:
    """The function of ATT that the present call comes from, and the one that called it."""
    frame, names = sys._getframe(1), list[str]()
    while frame is not None and len(names) < 2:
        if any(part in frame.f_code.co_filename for part in _OURS) and "contextlib" not in frame.f_code.co_filename:
            names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment] # None at the top, where the loop ends
    return " of ".join(names)
