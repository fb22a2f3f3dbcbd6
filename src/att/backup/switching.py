"""Exchanges what is live for what was restored, by renames, with a journal: whenever it is cut, it goes on or back.

    STATE/.restore/journal      there from before the first rename until all is swept
    STATE/.restore/new, old     what waits for its place; what was live before
    ETC/.restore/new, old       the same on the file system of the settings

Each rename can be told from the disk, so the journal names the moves and the phase alone.
"""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from att.backup import decision
from att.backup.decision import Phase, Seen, Step
from att.effects.filesystem import sync_directory, write_atomically
from att.kernel.errors import Conflict

JOURNAL = "journal"
NEW, OLD = "new", "old"


class Move(BaseModel):
    """What is at `live` goes to `old`, what is at `new` comes in its place; either may be nothing."""

    live: Path
    new: Path
    old: Path
    had: bool
    has: bool

    def seen(self) -> Seen:
        """Look at the disk."""
        return Seen(had=self.had, has=self.has, aside=_there(self.old), waiting=_there(self.new))


class _Journal(BaseModel):
    phase: Phase
    moves: list[Move]


@dataclass
class Switch:
    """One exchange on one machine; `folders` are the two `.restore` folders, the journal is in the first."""

    folders: tuple[Path, Path]
    before_effect: Callable[[str], None] = field(default=lambda _: None)

    @property
    def phase(self) -> Phase | None:
        """What the journal says, None without one."""
        found = self._read()
        return found.phase if found else None

    @property
    def staged(self) -> bool:
        """Whether anything of a restore lies about."""
        return any(folder.exists() for folder in self.folders)

    def begin(self, moves: list[Move]) -> None:
        """Write down what will be moved: from now on it goes on or back."""
        for move in moves:
            move.old.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(Phase.SWITCHING, moves)

    def forward(self) -> None:
        """Put everything restored into its place."""
        journal = self._must_read()
        for move in journal.moves:
            while (step := decision.forward(move.seen())) is not None:
                self._rename(move, step)
        self._write(Phase.SWITCHED, journal.moves)

    def keep(self) -> None:
        """Write down that what was restored runs: it is never taken back again."""
        self._write(Phase.PROVED, self._must_read().moves)

    def give_up(self) -> None:
        """Write down that it goes back, so that whoever resumes it keeps what was live before."""
        journal = self._must_read()
        if journal.phase is Phase.SWITCHED:
            self._write(Phase.SWITCHING, journal.moves)

    def back(self) -> None:
        """Put everything back that was live before."""
        self.give_up()
        journal = self._must_read()
        for move in reversed(journal.moves):
            while (step := decision.backward(move.seen())) is not None:
                self._rename(move, step)
        self._write(Phase.REVERTED, journal.moves)

    def sweep(self) -> None:
        """Remove what is neither live nor needed for a way back any more; the journal goes last."""
        first, second = self.folders
        self.before_effect("sweep")
        for folder in (second, first / NEW, first / OLD):
            shutil.rmtree(folder, ignore_errors=True)
            self.before_effect(f"go on after {folder}")
        (first / JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(first, ignore_errors=True)

    def _rename(self, move: Move, step: Step) -> None:
        source, target = {
            Step.DISPLACE: (move.live, move.old),
            Step.PLACE: (move.new, move.live),
            Step.WITHDRAW: (move.live, move.new),
            Step.RETURN: (move.old, move.live),
        }[step]
        if target == move.live and _there(target):
            # The boot makes folders that it misses.
            self.before_effect(f"clear {target.name}")
            target.rename(move.old.with_name(f".made-{target.name}-{secrets.token_hex(6)}"))
        self.before_effect(f"{step} {move.live.name}")
        source.rename(target)
        for folder in {source.parent, target.parent}:
            sync_directory(folder)

    def _read(self) -> _Journal | None:
        try:
            return _Journal.model_validate_json((self.folders[0] / JOURNAL).read_bytes())
        except FileNotFoundError:
            return None

    def _must_read(self) -> _Journal:
        found = self._read()
        if found is None:
            raise FileNotFoundError(self.folders[0] / JOURNAL)
        return found

    def _write(self, phase: Phase, moves: list[Move]) -> None:
        self.before_effect(f"write {phase}")
        journal = _Journal(phase=phase, moves=moves)
        write_atomically(self.folders[0] / JOURNAL, journal.model_dump_json(indent=1).encode(), mode=0o600)


def demand_whole(folders: tuple[Path, Path], what: str) -> None:
    """Raise Conflict(restore_interrupted) where a restore left its journal: what is live may be half exchanged."""
    if Switch(folders).phase is not None:
        raise Conflict("restore_interrupted", f"cannot {what}: a restore was interrupted")


def _there(path: Path) -> bool:
    return path.is_symlink() or path.exists()
