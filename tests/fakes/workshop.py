"""A workshop that unpacks what a test laid out and builds releases of a model machine; nothing is run."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.crash.machine import Machine
from tests.crash.releases import Content

from att.kernel.errors import Refused
from att.upgrade.approvals.schema import Provenance
from att.upgrade.approvals.tree import Entry

Files = Mapping[str, str]


@dataclass(frozen=True)
class Commit:
    """A commit of the model: `tree` is a digest of its files, as git's is."""

    id: str
    parents: tuple[str, ...]
    tree: str


def entries(files: Files) -> tuple[Entry, ...]:
    """The files of a tree as they come out of a pack."""
    found = [
        Entry("100644", path, hashlib.sha256(text.encode()).hexdigest(), len(text)) for path, text in files.items()
    ]
    return tuple(sorted(found, key=lambda one: one.path))


@dataclass
class Repository:
    """Commits by their ids, with their files. An id is a hash of parents and files, as with git."""

    files: dict[str, Files] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def commit(self, files: Files, *parents: str, note: str = "") -> str:
        """Add a commit, return its id; `note` makes two of the same files differ."""
        tree = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        name = hashlib.sha1(repr((tree, parents, note)).encode()).hexdigest()
        self.files[name] = dict(files)
        self.commits[name] = Commit(name, parents, tree)
        return name


class Unpacked:
    """What came out; the workshop counts those that are not closed."""

    def __init__(self, workshop: "FakeWorkshop", base: str, head: str) -> None:
        repository = workshop.repository
        reached, waiting = {base}, [head]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += repository.commits[name].parents
        self.commits = tuple(repository.commits[name] for name in reached)
        self.tree = entries(repository.files[head])
        self.base = entries(repository.files[base])
        self._workshop = workshop
        workshop.open += 1

    def read(self, path: str) -> bytes:
        raise AssertionError(path)

    def close(self) -> None:
        self._workshop.open -= 1


class FakeWorkshop:
    """`repository` is what any pack holds; `built` keeps what was asked to be made, `makes` what comes of it."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.repository = Repository()
        self.machine = machine
        self.folder = folder
        self.open = 0
        self.unpacked: list[tuple[str, str]] = []
        self.built: list[Provenance] = []
        self.while_building: Any = lambda: None
        self.refuse: str | None = None
        self.lacks: str | None = None
        self.sick = ""

    def unpack(self, pack_fd: int, *, base: str, head: str) -> Unpacked:
        assert os.fstat(pack_fd).st_size > 0
        self.unpacked.append((base, head))
        if head not in self.repository.commits or base not in self.repository.commits:
            raise Refused("pack_damaged", "cannot use the pack: an object is missing")
        return Unpacked(self, base, head)

    def demand(self, sources: Unpacked, *, running: Path) -> None:
        assert running.is_dir()
        if self.lacks is not None:
            raise Refused("build_inputs_missing", f"cannot build it here: {self.lacks}", data={"missing": [self.lacks]})

    def make(
        self, sources: Unpacked, *, running: Path, version: str, provenance: Provenance, key: Ed25519PrivateKey
    ) -> Path:
        assert running.is_dir()
        assert len(key.sign(b"")) == 64
        assert self.open == 1
        self.while_building()
        if self.refuse is not None:
            raise Refused(self.refuse, "cannot build it")
        self.built.append(provenance)
        self.machine.contents[version] = Content(version, commit=provenance.commit)
        if self.sick:
            self.machine.sick[version] = self.sick
        path = self.folder / f"{version}.attb"
        path.write_text(version)
        return path
