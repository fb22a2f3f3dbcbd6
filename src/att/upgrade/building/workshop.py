"""From a pack that the API handed over to a signed bundle: what strangers wrote is read by the building user alone, and
the engine computes every id and digest itself.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from att.appliance import Facts
from att.kernel.errors import InvalidInput, Refused, TooLarge
from att.release.bytecode import head_of
from att.release.tree import disk_errors
from att.release.trust import sign_metadata
from att.release.writer import metadata_bytes, pack
from att.upgrade.approvals.schema import Provenance
from att.upgrade.building.bench import Bench, Tasks
from att.upgrade.building.job import FILE_BYTES_MAX, PACK, SOURCES, read_frames, write_frame
from att.upgrade.building.making import Making
from att.upgrade.building.sources import Sources
from att.upgrade.building.store import ObjectStore
from att.upgrade.building.unpacking import PACK_BYTES_MAX

FOLDER = "building"
"""The folder of jobs below the engine's state; `att-build@.service` names it too."""
_CHUNK = 1 << 20


class Workshop:
    """Takes packs apart and makes bundles, below the engine's state, with jobs that `tasks` runs."""

    def __init__(self, where: Facts, tasks: Tasks) -> None:
        self._where = where
        self._folder = where.paths.upgrade_state / FOLDER
        self._bench = Bench(self._folder, tasks)
        self._bench.sweep()

    def unpack(self, pack_fd: int, *, base: str, head: str) -> Sources:
        """Return what the pack in `pack_fd` holds from the commit `base` to `head`. The caller closes it.

        InvalidInput(pack_unreadable), TooLarge(pack_too_large), Refused(build_refused, pack_damaged, base_unrelated,
        tree_hostile) say what is wrong with it.
        """

        def fill(given: BinaryIO) -> None:
            _copy(pack_fd, given)

        with self._bench.done("unpack the pack", PACK, fill) as result:
            store = ObjectStore(self._folder)
            try:
                store.fill(result)
                return Sources(store, base, head)
            except BaseException:
                store.close()
                raise

    def demand(self, sources: Sources, *, running: Path) -> None:
        """Raise what `make` would refuse of these sources at once: Refused(base_differs, build_inputs_missing)."""
        release = Making(sources, self._where, running=running, version=running.name)
        release.demand_base()
        release.demand_inputs()

    def make(
        self, sources: Sources, *, running: Path, version: str, provenance: Provenance, key: Ed25519PrivateKey
    ) -> Path:
        """Return a new file, the caller's to remove: the signed thin bundle of the sources' head as `version`.

        It fits where the release in `running` is installed, which must be made of the sources' base. Raises
        Refused(base_differs, build_inputs_missing, build_refused, build_differs, tree_hostile, metadata_invalid).
        """
        release = Making(sources, self._where, running=running, version=version)
        release.demand_base()
        release.demand_inputs()
        bytecode = self._compiled(release.modules())
        with self._bench.place() as folder, disk_errors(folder):
            metadata = release.lay(folder / "release", bytecode, provenance)
            raw = metadata_bytes(metadata)
            bundle = self._folder / f"att-{version}.attb"
            known = release.former.digests()
            pack(folder / "release", raw, sign_metadata(raw, [key]), folder / bundle.name, known=known)
            (folder / bundle.name).rename(bundle)
        return bundle

    def _compiled(self, modules: Mapping[str, bytes]) -> dict[str, bytes]:
        """Have modules compiled, by the name that tracebacks call them; Refused(build_differs) for another answer."""

        def fill(given: BinaryIO) -> None:
            for name, source in modules.items():
                write_frame(given, name, source)

        with self._bench.done("compile it", SOURCES, fill) as result:
            try:
                answer = dict(read_frames(result, bytes_max=FILE_BYTES_MAX))
            except ValueError as error:
                raise _differs("what came out of it is no list of files") from error
        if list(answer) != list(modules):
            raise _differs("other modules came out of it than went in")
        for name, source in modules.items():
            if not answer[name].startswith(head_of(source)):
                raise _differs(f"what came out of it for {name} is not made of it")
        return answer


def _differs(reason: str) -> Refused:
    return Refused("build_differs", f"cannot compile it: {reason}")


def _copy(fd: int, target: BinaryIO) -> None:
    """Copy a pack once: who sent it may still write to its own."""
    done = 0
    while piece := _piece(fd, done):
        done += len(piece)
        if done > PACK_BYTES_MAX:
            raise TooLarge("pack_too_large", f"cannot use the pack: it has more than {PACK_BYTES_MAX} bytes")
        target.write(piece)


def _piece(fd: int, offset: int) -> bytes:
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidInput("pack_unreadable", "cannot read the pack: it is no regular file", field="upload")
        return os.pread(fd, _CHUNK, offset)
    except OSError as error:
        raise InvalidInput("pack_unreadable", f"cannot read the pack: {error.strerror}", field="upload") from error
