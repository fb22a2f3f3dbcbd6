"""Provisioning on a staged root: every step twice, with bad input, and what the finished image must not hold."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dev.bundle.seed import seed
from dev.vm.places import ROOT
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import overlay
from tests.fakes.repositories import Repository

from att.release.installed import read_metadata

LINE = re.compile(r"^APPLIANCE_STEP:([0-9a-z-]+):(START|OK|FAIL):(\{.*\})$", re.MULTILINE)


@pytest.fixture(scope="module")
def plain(able: None) -> Path:
    return template.plain_root()


@pytest.fixture
def staged(plain: Path) -> Iterator[Path]:
    with overlay(plain, template.in_memory()) as container:
        yield container.root


def run_step(step: str, root: Path, **settings: str) -> tuple[int, list[tuple[str, str, dict[str, object]]]]:
    done = subprocess.run(
        [str(ROOT / "provision" / f"{step}.sh")],
        env={**os.environ, "ATT_ROOT": str(root), "ATT_KIND": "container", **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    lines = [(name, word, json.loads(body)) for name, word, body in LINE.findall(done.stdout)]
    return done.returncode, lines


def state_of(root: Path) -> dict[str, tuple[int, int, str]]:
    found = {}
    for path in root.rglob("*"):
        info = path.lstat()
        if stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode):
            target = str(path.readlink()) if path.is_symlink() else str(info.st_mtime_ns)
            found[str(path.relative_to(root))] = (info.st_mode, info.st_size, target)
    return found


def test_each_step_prints_its_start_and_its_end_and_a_second_run_changes_nothing(
    staged: Path, bundle: Path, trust_key: Path
) -> None:
    said = template.provision(staged, bundle, trust_key)
    lines = LINE.findall(said)
    assert [(name, word) for name, word, _ in lines] == [
        (step, word) for step in template.STEPS for word in ("START", "OK")
    ]
    assert all(set(json.loads(body)) == {"artifact", "elapsed_s", "notes"} for _, _, body in lines)
    before = state_of(staged)
    template.provision(staged, bundle, trust_key)
    after = state_of(staged)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    # A sudoers file is written anew, with the same words; user tools touch their lock files.
    assert changed <= {"etc/sudoers.d/att-operator", "etc/.pwd.lock"}, sorted(changed)
    assert not (staged / "var/lib/att").exists()


def test_a_missing_package_stops_the_first_step_with_its_name(staged: Path) -> None:
    status = staged / "var/lib/dpkg/status"
    status.write_text(status.read_text(encoding="utf-8").replace("Package: nginx-light\n", "Package: nginx-gone\n"))
    code, lines = run_step("00-base-deps", staged)
    assert code == 1
    assert lines[-1][:2] == ("00-base-deps", "FAIL")
    assert "nginx-light" in str(lines[-1][2]["notes"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "ATT_BUNDLE names no bundle"),
        ({"ATT_BUNDLE": "/etc/passwd"}, "ATT_TRUST_KEY names no public key"),
        ({"ATT_BUNDLE": "/etc/passwd", "ATT_TRUST_KEY": "/etc/passwd"}, "is no public key in PEM form"),
    ],
)
def test_without_bundle_or_key_nothing_is_copied(staged: Path, settings: dict[str, str], words: str) -> None:
    code, lines = run_step("15-copy-code", staged, **settings)
    assert code == 1
    assert words in str(lines[-1][2]["notes"])
    assert not (staged / "usr/lib/att").exists()


def test_without_a_seed_nothing_is_copied(staged: Path, bundle: Path, trust_key: Path) -> None:
    code, lines = run_step("15-copy-code", staged, ATT_BUNDLE=str(bundle), ATT_TRUST_KEY=str(trust_key))
    assert code == 1
    assert "ATT_SEED names no seed" in str(lines[-1][2]["notes"])
    assert not (staged / "usr/lib/att").exists()


def test_a_seed_of_another_commit_than_the_releases_is_refused(
    staged: Path, bundle: Path, trust_key: Path, tmp_path: Path
) -> None:
    run_step("10-permissions", staged)
    (tmp_path / "other").mkdir()
    other = Repository(tmp_path / "other")
    made = seed(other.folder, other.commit({"a": b"1"}, "one"), tmp_path / "att.bundle")
    settings = {"ATT_BUNDLE": str(bundle), "ATT_TRUST_KEY": str(trust_key), "ATT_SEED": str(made)}
    code, lines = run_step("15-copy-code", staged, **settings)
    assert code == 1
    assert "ATT_SEED does not hold the commit" in str(lines[-1][2]["notes"])


def test_the_image_carries_the_history_of_its_release(appliance_root: Path) -> None:
    made = appliance_root / "usr/share/att/seed/att.bundle"
    assert (made.stat().st_uid, stat.S_IMODE(made.stat().st_mode)) == (0, 0o644)
    listed = subprocess.run(["git", "bundle", "list-heads", made], check=True, capture_output=True, encoding="ascii")
    commit = read_metadata(appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()).commit
    assert f"{commit} refs/heads/main" in listed.stdout.splitlines()


def test_people_find_the_guide_of_the_running_release_where_they_look(appliance_root: Path) -> None:
    links = {
        "usr/share/doc/att": "/opt/att/current/doc",
        "usr/share/man/man1/attctl.1": "/opt/att/current/doc/attctl.1",
    }
    assert {path: str((appliance_root / path).readlink()) for path in links} == links
    carried = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink() / "doc"
    guide = {path.name: path.read_bytes() for path in (ROOT / "docs/guide").iterdir()}
    assert {path.name: path.read_bytes() for path in carried.iterdir()} == guide


def test_a_bundle_that_the_trust_root_does_not_know_is_not_installed(
    staged: Path, bundle: Path, trust_key: Path, tmp_path: Path
) -> None:
    run_step("10-permissions", staged)
    private, public = tmp_path / "key", tmp_path / "foreign.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True, timeout=30)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, timeout=30)
    made = template.seed_of(bundle, trust_key)
    settings = {"ATT_BUNDLE": str(bundle), "ATT_TRUST_KEY": str(public), "ATT_SEED": str(made)}
    code, lines = run_step("15-copy-code", staged, **settings)
    assert code != 0
    assert lines[-1][1] == "FAIL"
    assert not (staged / "opt/att/current").is_symlink()
    assert list((staged / "opt/att/releases").iterdir()) == []
    assert list((staged / "var/tmp").iterdir()) == []


def test_state_in_the_base_is_refused(staged: Path) -> None:
    (staged / "var/lib/att/api").mkdir(parents=True)
    code, lines = run_step("10-permissions", staged)
    assert code == 1
    assert "holds state already" in str(lines[-1][2]["notes"])


def test_the_finished_image_holds_no_key_token_id_or_log(appliance_root: Path) -> None:
    assert (appliance_root / "etc/machine-id").read_text() == ""
    for empty in ("etc/att/tls", "etc/att/secrets.d", "opt/att/.upgrade", "var/log/journal", "var/tmp"):
        assert list((appliance_root / empty).iterdir()) == [], empty
    for absent in ("var/lib/att", "var/log/att", "var/lib/cloud", "root/.ssh", "home/operator/.ssh", "home/packer"):
        assert not (appliance_root / absent).exists(), absent
    assert list((appliance_root / "etc/ssh").glob("ssh_host_*")) == []
    assert [path for path in (appliance_root / "var/log").rglob("*") if path.is_file() and path.stat().st_size] == []
    secrets = [
        path
        for top in ("etc", "var", "home", "root", "opt/att/.upgrade")
        for path in (appliance_root / top).rglob("*")
        if path.is_file() and not path.is_symlink() and b"PRIVATE KEY-----" in path.read_bytes()
    ]
    assert secrets == []


def test_only_the_first_release_is_in_the_image_and_everything_in_it_is_roots(appliance_root: Path) -> None:
    releases = list((appliance_root / "opt/att/releases").iterdir())
    assert len(releases) == 1
    assert (releases[0] / ".complete").exists()
    strangers = [path for path in releases[0].rglob("*") if path.lstat().st_uid or path.lstat().st_gid]
    assert strangers == []
    writable = [path for path in releases[0].rglob("*") if path.is_file() and path.stat().st_mode & 0o222]
    assert writable == []
