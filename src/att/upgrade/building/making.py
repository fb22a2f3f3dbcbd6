"""The release of a commit, made on top of the one that runs: ATT's own files are the commit's, all else is as it was.

Nothing of the commit is run, and nothing of it but Python's own syntax decides what the bytecode is.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts
from att.kernel.errors import Refused
from att.release.bytecode import place_of_bytecode
from att.release.installed import read_metadata
from att.release.own import LOCKS, console_inputs, content_of, is_own, place_of, shown_name
from att.release.sbom import pins, renewed
from att.release.schema import PROVENANCE, SBOM, File, Link, Metadata
from att.release.statement import statement
from att.release.writer import describe
from att.upgrade.approvals.schema import Provenance
from att.upgrade.approvals.tree import Entry
from att.upgrade.building.sources import Sources
from att.upgrade.building.walking import LINK, hostile

_SHOWN = 40
_Tree = tuple[tuple[Entry, ...], Callable[[str], bytes]]
"""The files of a commit, and what reads one of them."""


@dataclass(frozen=True)
class _Module:
    """A module that is to be compiled: where its bytecode lies, and the name that tracebacks call it."""

    bytecode: str
    name: str
    source: bytes


class Making:
    """One release in the making: `version`, of the sources' head, on top of the release in the folder `running`."""

    def __init__(self, sources: Sources, where: Facts, *, running: Path, version: str) -> None:
        self._sources = sources
        self._where = where
        self._running = running
        self._version = version
        self.former: Metadata = read_metadata(running)
        python, nat = where.product.python, any(path.startswith("nat/") for path in self.former.files)
        self._venvs = [venv for venv in LOCKS if nat or venv != "nat"]
        self._base = _laid(sources.base, python=python, nat=nat)
        head = _laid(sources.tree, python=python, nat=nat)
        self._head = {place: self._filled(path, sources.read(path), version) for place, path in head.items()}
        self._changed = self._changed_modules()

    def demand_base(self) -> None:
        """Raise Refused(base_differs) unless the running release holds of ATT's own exactly what the base holds."""
        if self.former.commit != self._sources.commits[0].id:
            raise _base_differs(f"it is made of {self.former.commit[:12]}")
        version = self.former.version
        wanted = {
            place: _digest(self._filled(path, self._sources.read_base(path), version))
            for place, path in self._base.items()
        }
        found = {place: entry.sha256 for place, entry in self.former.regular().items() if self._is_source(place)}
        differing = sorted(place for place, _ in wanted.items() ^ found.items())
        if differing:
            raise _base_differs(f"its file {differing[0]} is another one")

    def demand_inputs(self) -> None:
        """Raise Refused(build_inputs_missing) with a list where the head needs what only a build host has."""
        missing = [gap for venv in self._venvs for gap in self._lock_gaps(LOCKS[venv])] + self._console_gaps()
        if missing:
            text = f"cannot build it here: {', '.join(missing[:_SHOWN])}"
            raise Refused("build_inputs_missing", text, data={"missing": missing})

    def modules(self) -> dict[str, bytes]:
        """Return the sources that must be compiled, by the name that tracebacks call them."""
        return {module.name: module.source for module in self._changed}

    def lay(self, release: Path, bytecode: Mapping[str, bytes], provenance: Provenance) -> Metadata:
        """Write what is ATT's own to the new folder `release`, and return the metadata of the whole release.

        Refused(build_differs) when what lies there then is not what it must be.
        """
        head = self._sources.commits[-1]
        written = {**self._head, **{module.bytecode: bytecode[module.name] for module in self._changed}}
        written[SBOM] = renewed((self._running / SBOM).read_bytes(), version=self._version, time=head.time)
        told = json.dumps(provenance.model_dump(mode="json"), sort_keys=True, indent=1)
        written[PROVENANCE] = told.encode() + b"\n"
        for place, content in written.items():
            (release / place).parent.mkdir(parents=True, exist_ok=True)
            (release / place).write_bytes(content)
        files = {**self._kept(), **describe(release)}
        self._demand_known(files, written)
        return statement(release, files, self._where, version=self._version, commit=head.id, time=head.time)

    def _demand_known(self, files: Mapping[str, File | Link], written: Mapping[str, bytes]) -> None:
        """Hold every file against what it must be: what was written, or the running release's file; none is missing."""
        expected = self._kept()
        for place, content in written.items():
            expected[place] = File(sha256=_digest(content), mode="0444", size=len(content))
        for place in sorted(files.keys() | expected.keys()):
            if files.get(place) != expected.get(place):
                raise Refused("build_differs", f"cannot release it: {place} is not what it must be")

    def _kept(self) -> dict[str, File | Link]:
        """Return what stays as it is: dependencies, console, and the bytecode of modules that did not change."""
        fresh = {module.bytecode for module in self._changed}
        bytecode = {place_of_bytecode(place) for place in self._head if self._name(place)} - fresh
        return {
            place: entry
            for place, entry in self.former.files.items()
            if place in bytecode or not is_own(place, python=self._where.product.python)
        }

    def _changed_modules(self) -> list[_Module]:
        found = []
        known = self.former.regular()
        for place, source in self._head.items():
            name, bytecode = self._name(place), place_of_bytecode(place)
            if name is None:
                continue
            former = known.get(place)
            if former is None or former.sha256 != _digest(source) or bytecode not in known:
                found.append(_Module(bytecode, name, source))
        return found

    def _lock_gaps(self, lock: str) -> list[str]:
        before, after = (_text(tree, lock) for tree in self._both())
        if before == after:
            return []
        old, new = pins(before), pins(after)
        gaps = [f"wheel {name}=={pin[0]}" for name, pin in sorted(new.items()) if old.get(name) != pin]
        gaps += [f"a venv without {name}" for name in sorted(old.keys() - new.keys())]
        return gaps or [f"a venv made of {lock}"]

    def _console_gaps(self) -> list[str]:
        before, after = ({entry.path: entry.sha256 for entry in entries} for entries, _ in self._both())
        inputs = console_inputs(before.keys() | after.keys())
        changed = [path for path in inputs if before.get(path) != after.get(path)]
        return [f"the console's build tools for {', '.join(changed[:_SHOWN])}"] if changed else []

    def _both(self) -> tuple[_Tree, _Tree]:
        return (self._sources.base, self._sources.read_base), (self._sources.tree, self._sources.read)

    def _is_source(self, place: str) -> bool:
        made = place in (SBOM, PROVENANCE) or "/__pycache__/" in place
        return is_own(place, python=self._where.product.python) and not made

    def _name(self, place: str) -> str | None:
        return shown_name(place, python=self._where.product.python)

    def _filled(self, path: str, content: bytes, version: str) -> bytes:
        try:
            return content_of(path, content, installed=self._where.paths.releases / version, version=version)
        except ValueError as error:
            raise hostile(f"{path}: {error}") from error


def _laid(entries: tuple[Entry, ...], *, python: str, nat: bool) -> dict[str, str]:
    """Return the places of a release that these files have, each with the file's path in the repository."""
    found: dict[str, str] = {}
    for entry in entries:
        try:
            place = place_of(entry.path, python=python, nat=nat)
        except ValueError as error:
            raise hostile(str(error)) from error
        if place is None:
            continue
        if entry.mode == LINK:
            raise hostile(f"{entry.path} is a link: a release is made of files")
        if found.setdefault(place, entry.path) != entry.path:
            raise hostile(f"{entry.path} and {found[place]} have one place in a release")
    return found


def _text(tree: _Tree, path: str) -> str:
    entries, read = tree
    there = any(entry.path == path for entry in entries)
    return read(path).decode(errors="replace") if there else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _base_differs(reason: str) -> Refused:
    return Refused("base_differs", f"cannot build on the running release: {reason}")
