import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.archives import CONTENT, STRANGER, VERSION, Parts, machine

from att.appliance import Facts
from att.kernel.errors import AttError, NotFound
from att.release.bundle import open_bundle
from att.release.install import install, install_file, main, place, stage, switch_link
from att.release.installed import is_complete, read_metadata, verify_release, version_of
from att.release.schema import COMPLETE, METADATA
from att.release.tree import Tree, disk_errors, require_space
from att.release.trust import load_trust


@pytest.fixture
def appliance(tmp_path: Path) -> Facts:
    return machine(tmp_path / "root")


def installed(facts: Facts, parts: Parts, folder: Path, *, current: bool = True) -> Path:
    fd = os.open(parts.write(folder / "a.attb"), os.O_RDONLY)
    try:
        return install(fd, facts, make_current=current)
    finally:
        os.close(fd)


def test_an_installed_release_is_complete_current_and_intact(appliance: Facts, tmp_path: Path) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    assert release == appliance.paths.releases / VERSION
    assert appliance.paths.current.resolve() == release
    assert not appliance.paths.current.readlink().is_absolute()
    assert is_complete(release)
    assert verify_release(release) == []
    assert version_of(release) == read_metadata(release).version == VERSION
    assert not list(appliance.paths.journal.iterdir())


def test_installing_without_making_it_current_leaves_the_link(appliance: Facts, tmp_path: Path) -> None:
    installed(appliance, Parts.honest(), tmp_path, current=False)
    assert not appliance.paths.current.is_symlink()


def test_the_same_release_again_changes_nothing(appliance: Facts, tmp_path: Path) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    before = (release / METADATA).stat().st_ino
    installed(appliance, Parts.honest(), tmp_path)
    assert (release / METADATA).stat().st_ino == before


def test_the_same_version_with_other_content_is_refused(appliance: Facts, tmp_path: Path) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    other = Parts.honest({**CONTENT, "LICENSE": b"other\n"})
    with pytest.raises(AttError) as caught:
        installed(appliance, other, tmp_path)
    assert caught.value.code == "version_same"
    assert verify_release(release) == []
    assert not list(appliance.paths.journal.iterdir())


def test_placing_a_release_that_came_meanwhile_keeps_the_one_that_is_there(appliance: Facts, tmp_path: Path) -> None:
    fd = os.open(Parts.honest().write(tmp_path / "a.attb"), os.O_RDONLY)
    try:
        bundle = open_bundle(fd, load_trust(appliance), appliance)
        first, second = stage(bundle, appliance), stage(bundle, appliance)
    finally:
        os.close(fd)
    release = place(first, bundle, appliance)
    before = (release / METADATA).stat().st_ino
    assert place(second, bundle, appliance) == release
    assert (release / METADATA).stat().st_ino == before
    assert not second.exists()


def test_an_incomplete_release_of_the_version_is_replaced(appliance: Facts, tmp_path: Path) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    (release / COMPLETE).unlink()
    (release / "LICENSE").unlink()
    installed(appliance, Parts.honest(), tmp_path)
    assert verify_release(release) == []


def test_what_an_interrupted_installation_left_is_swept(appliance: Facts, tmp_path: Path) -> None:
    left = appliance.paths.journal / "staging-0.1.0-dead"
    left.mkdir(parents=True)
    installed(appliance, Parts.honest(), tmp_path)
    assert not left.exists()


def test_a_refused_bundle_leaves_nothing_behind(appliance: Facts, tmp_path: Path) -> None:
    parts = Parts.honest()
    parts.members.pop()
    with pytest.raises(AttError):
        installed(appliance, parts, tmp_path)
    assert not list(appliance.paths.journal.iterdir())
    assert not appliance.paths.releases.exists()


def test_the_command_line_installs_into_a_root_by_the_facts_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    machine(root)
    bundle = Parts.honest().write(tmp_path / "a.attb")
    assert main([str(bundle), "--root", str(root)]) == 0
    assert capsys.readouterr().out == f"{root}/opt/att/releases/{VERSION}\n"
    assert (root / "opt/att/current/LICENSE").exists()


def test_the_command_line_says_why_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine(tmp_path / "root")
    bundle = Parts.honest(keys=[STRANGER]).write(tmp_path / "a.attb")
    assert main([str(bundle), "--root", str(tmp_path / "root")]) == 4
    assert capsys.readouterr().err.startswith("signature_wrong: cannot trust the bundle")
    assert main([str(tmp_path / "none.attb"), "--root", str(tmp_path / "root")]) == 2


def test_the_facts_of_the_root_decide_and_not_those_of_the_installer(tmp_path: Path) -> None:
    root = tmp_path / "root"
    facts = machine(root)
    source = Path(__file__).parents[3] / "appliance" / "appliance.toml"
    text = source.read_text(encoding="utf-8").replace('architecture = "x86_64"', 'architecture = "riscv64"')
    (facts.paths.image / "appliance.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AttError) as caught:
        install_file(Parts.honest().write(tmp_path / "a.attb"), root)
    assert caught.value.code == "bundle_architecture"


def test_switching_a_link_replaces_it_and_leaves_no_temporary(tmp_path: Path) -> None:
    for target in ("one", "two"):
        switch_link(tmp_path / "current", Path(target))
        assert [(found.name, str(found.readlink())) for found in tmp_path.iterdir()] == [("current", target)]


DAMAGE: dict[str, Callable[[Path], object]] = {
    "content": lambda release: _rewrite(release / "LICENSE", b"Apache-2.1\n"),
    "mode": lambda release: (release / "LICENSE").chmod(0o644),
    "missing": lambda release: (release / "LICENSE").unlink(),
    "extra": lambda release: (release / "venv" / "extra.py").write_bytes(b""),
    "link": lambda release: _relink(release / "venv" / "lib64"),
    "kind": lambda release: _to_fifo(release / "LICENSE"),
    "incomplete": lambda release: (release / COMPLETE).unlink(),
}


def _rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o444)


def _relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("bin")


def _to_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("kind", DAMAGE)
def test_each_damage_of_an_installed_release_is_found(appliance: Facts, tmp_path: Path, kind: str) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    DAMAGE[kind](release)
    assert [problem.kind for problem in verify_release(release)] == [kind]


def test_changed_metadata_makes_a_release_incomplete(appliance: Facts, tmp_path: Path) -> None:
    release = installed(appliance, Parts.honest(), tmp_path)
    _rewrite(release / METADATA, b"{}")
    assert [problem.kind for problem in verify_release(release)] == ["incomplete"]
    (release / COMPLETE).chmod(0o644)
    (release / COMPLETE).write_text(hashlib.sha256(b"{}").hexdigest())
    assert [problem.kind for problem in verify_release(release)] == ["unreadable"]


def test_a_release_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_metadata(tmp_path / "none")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "disk_read_only"),
        (errno.EIO, "disk_failed"),
    ],
)
def test_an_error_of_the_disk_has_its_own_code(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(AttError) as caught, disk_errors(tmp_path / "a" / "b"):
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code


def test_too_little_space_is_refused_before_anything_is_written(appliance: Facts, tmp_path: Path) -> None:
    with pytest.raises(AttError) as caught:
        require_space(tmp_path, size_bytes=1 << 60, files=1)
    assert caught.value.code == "disk_full"
    with pytest.raises(AttError) as caught:
        require_space(tmp_path, size_bytes=1, files=1 << 60)
    assert caught.value.code == "disk_inodes"
    huge = Parts.honest({"a": b"x"}, {}, size=1)
    assert huge.members
    small = replace(appliance, limits=replace(appliance.limits, release_bytes_max=1))
    assert installed(small, huge, tmp_path).name == VERSION


def test_a_tree_does_not_follow_a_link_that_somebody_put_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with Tree(tmp_path / "target") as tree:
        tree.write("a/one", [b"1"], mode=0o444, mtime=0)
        tree.write("b", [b"2"], mode=0o444, mtime=0)
        (tmp_path / "target" / "a" / "one").unlink()
        (tmp_path / "target" / "a").rmdir()
        (tmp_path / "target" / "a").symlink_to(tmp_path / "outside")
        with pytest.raises(AttError):
            tree.write("a/two", [b"evil"], mode=0o444, mtime=0)
        with pytest.raises(AttError):
            tree.write("b", [b"again"], mode=0o444, mtime=0)
    assert not list((tmp_path / "outside").iterdir())
