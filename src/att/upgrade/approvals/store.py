"""What the engine remembers of changes of the appliance by itself, one small file each: it outlives every release and
every restored database.

    proposals/NUMBER.json   a proposal with its approvals        denials.json   trees that an operator refused
    cycles/JOB.json         a job's release and what became of it   paused.json    there while nothing is released
    held.json               the merge that has to be reverted first

Each file is replaced at once and durably, each step of the service writes one of them last that makes it count. A file
that cannot be read is told with its name and never written over.
"""

import json
from pathlib import Path

from pydantic import BaseModel, ValidationError

from att.effects.filesystem import sync_directory
from att.kernel.errors import Failed, TooLarge
from att.upgrade.approvals.schema import Cycle, Denial, Denials, Held, Paused, Record
from att_stage0.world import World

FOLDER = "bootstrap"
PROPOSALS, CYCLES = "proposals", "cycles"
BYTES_MAX = 512 * 1024
"""Of one file: it fits into one line of the engine's socket."""
DENIALS_MAX = 256
_MODE = 0o600


class Store:
    """The files below the engine's state. What reads raises Failed(bootstrap_damaged) with the file's name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.layout.upgrade_state / FOLDER

    def record(self, number: int) -> Record | None:
        """Return the proposal of a pull request with its approvals."""
        return self._read(self._proposal(number), Record)

    def put_record(self, record: Record) -> None:
        """Write it; TooLarge(change_too_large)."""
        self._write(self._proposal(record.proposal.number), record)

    def drop_record(self, number: int) -> None:
        """Forget a proposal."""
        self._world.unlink(self._proposal(number))

    def records(self) -> tuple[list[Record], list[str]]:
        """Return all that can be read, oldest first, and what is wrong with the others."""
        found, problems = self._all(PROPOSALS, Record)
        return sorted(found, key=lambda one: (one.proposal.at, one.proposal.number)), problems

    def cycle(self, job: str) -> Cycle | None:
        """Return what is known of a job's release."""
        return self._read(self._folder / CYCLES / f"{job}.json", Cycle)

    def put_cycle(self, cycle: Cycle) -> None:
        """Write it."""
        self._write(self._folder / CYCLES / f"{cycle.job}.json", cycle)

    def drop_cycle(self, job: str) -> None:
        """Forget a job's release."""
        self._world.unlink(self._folder / CYCLES / f"{job}.json")

    def cycles(self) -> tuple[list[Cycle], list[str]]:
        """Return all that can be read, oldest first, and what is wrong with the others."""
        found, problems = self._all(CYCLES, Cycle)
        return sorted(found, key=lambda one: (one.at, one.job)), problems

    def denials(self) -> tuple[Denial, ...]:
        """Return the trees that an operator refused, oldest first."""
        found = self._read(self._folder / "denials.json", Denials)
        return found.denials if found else ()

    def put_denials(self, denials: tuple[Denial, ...]) -> None:
        """Write the newest DENIALS_MAX of them."""
        self._write(self._folder / "denials.json", Denials(denials=denials[-DENIALS_MAX:]))

    def paused(self) -> Paused | None:
        """Return who paused it."""
        return self._read(self._folder / "paused.json", Paused)

    def put_paused(self, paused: Paused | None) -> None:
        """Pause, or go on with None."""
        self._set("paused.json", paused)

    def held(self) -> Held | None:
        """Return the merge that has to be reverted first."""
        return self._read(self._folder / "held.json", Held)

    def put_held(self, held: Held | None) -> None:
        """Hold main, or no longer with None."""
        self._set("held.json", held)

    def _proposal(self, number: int) -> Path:
        return self._folder / PROPOSALS / f"{number}.json"

    def _set(self, name: str, value: BaseModel | None) -> None:
        if value is None:
            self._world.unlink(self._folder / name)
        else:
            self._write(self._folder / name, value)

    def _all[T: BaseModel](self, folder: str, kind: type[T]) -> tuple[list[T], list[str]]:
        found, problems = [], []
        for path in sorted((self._folder / folder).glob("[!.]*.json")):
            try:
                one = self._read(path, kind)
            except Failed as error:
                problems.append(error.detail)
            else:
                found += [one] if one is not None else []
        return found, problems

    def _read[T: BaseModel](self, path: Path, kind: type[T]) -> T | None:
        try:
            with path.open("rb") as file:
                data = file.read(BYTES_MAX + 1)
            return kind.model_validate(json.loads(data))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            why = "its content does not fit" if isinstance(error, ValidationError) else str(error)
            raise Failed("bootstrap_damaged", f"cannot read {path}: {why}", data={"file": str(path)}) from error

    def _write(self, path: Path, value: BaseModel) -> None:
        text = value.model_dump_json(indent=1) + "\n"
        if len(text.encode()) > BYTES_MAX:
            raise TooLarge("change_too_large", f"cannot remember it: {path.name} would be {len(text.encode())} bytes")
        self._make_folder(path.parent)
        self._world.write(path, text, _MODE)

    def _make_folder(self, folder: Path) -> None:
        """Make what is missing down to `folder`, each name durable before anything lies in it."""
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
            sync_directory(one.parent)
