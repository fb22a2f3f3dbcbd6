"""The same commit, built by the build host and made by an appliance on top of the release before it: the same files."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dev.bundle.buildroot import buildroot, cache_folder, run_inside
from dev.vm.step import VmError
from tests.fakes.archives import machine
from tests.fakes.building import ProcessTasks
from tests.fakes.repositories import Repository
from tests.release.conftest import Built, build_clone

from att.appliance import facts
from att.release.bundle import open_bundle
from att.release.install import install
from att.release.installed import read_metadata, verify_release
from att.release.trust import TrustRoot, keyid_of, load_signing_key
from att.upgrade.approvals.schema import Provenance
from att.upgrade.building.job import PROBLEM, RESULT, SOURCES
from att.upgrade.building.workshop import Workshop

pytestmark = pytest.mark.timeout(1800)


class ReleaseTasks:
    """Compiles with a release's venv under the appliance's Python, as the unit does; unpacks with the host's git."""

    user: str | None = None

    def __init__(self, release: Path, log: Path) -> None:
        self.release = release
        self.log = log

    def run(self, folder: Path) -> bool:
        if not (folder / SOURCES).exists():
            return ProcessTasks().run(folder)
        inside = self.release.parent / folder.name
        shutil.copytree(folder, inside)
        python = f"/opt/att/releases/{self.release.name}/venv/bin/python"
        command = [python, "-P", "-B", "-m", "att.entrypoints.build", f"/opt/att/releases/{folder.name}"]
        try:
            run_inside(
                buildroot(cache_folder(), self.log),
                command,
                releases=self.release.parent,
                build=folder,
                tool=folder,
                log=self.log,
            )
        except VmError:
            return False
        finally:
            for name in (RESULT, PROBLEM):
                shutil.copyfile(inside / name, folder / name)
            shutil.rmtree(inside)
        return True


def test_a_commit_made_by_an_appliance_has_the_files_that_the_build_host_gives_it(
    built: Built, key: Path, tmp_path: Path
) -> None:
    source = Repository.__new__(Repository)
    source.folder = tmp_path / "source"
    source.folder.mkdir()
    source.git("clone", "-q", str(built.clone), ".")
    base = source.git("rev-parse", "HEAD")
    changed = (source.folder / "src/att/kernel/ids.py").read_bytes() + b'\nWORDS = "a visible text"\n'
    more = {"src/att/kernel/words.py": b"MORE = (1, 2.5, 'x y')\n", "src/att_nat/words.py": b"MORE = 1\n"}
    head = source.commit({"src/att/kernel/ids.py": changed, **more}, "head")
    signing = load_signing_key(key)
    public = signing.public_key()
    host = build_clone(source.folder, tmp_path / "clone", key, cache_folder())
    with host.bundle.open("rb") as file:
        trust = TrustRoot(keys={keyid_of(public): public})
        there = open_bundle(file.fileno(), trust, facts()).metadata

    appliance = machine(tmp_path / "root", signing)
    with built.bundle.open("rb") as file:
        running = install(file.fileno(), appliance, make_current=True)
    # The units of a bundle name the place that it has on an appliance, not in this staged root.
    where = replace(appliance, paths=replace(appliance.paths, releases=facts().paths.releases))
    where.paths.upgrade_state.mkdir(parents=True)
    workshop = Workshop(where, ReleaseTasks(running, tmp_path / "log"))
    (tmp_path / "pack").write_bytes(source.pack(base, head))
    fd = os.open(tmp_path / "pack", os.O_RDONLY)
    sources = workshop.unpack(fd, base=base, head=head)
    os.close(fd)
    told = Provenance(
        number=1,
        commit=head,
        head=head,
        tree="0" * 64,
        base=base,
        approval="required",
        job="job_1",
        at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    bundle = workshop.make(sources, running=running, version=there.version, provenance=told, key=signing)
    sources.close()
    assert bundle.stat().st_size < host.bundle.stat().st_size / 20
    with bundle.open("rb") as file:
        release = install(file.fileno(), appliance, make_current=False)
    assert verify_release(release) == []
    here = read_metadata(release)
    assert {path: entry for path, entry in here.files.items() if path != "provenance.json"} == there.files
    same = {"files": {}, "size": 0}
    assert here.model_copy(update=same) == there.model_copy(update=same)
