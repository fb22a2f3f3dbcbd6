"""The real build: the same bytes wherever it runs, and a release that says nothing of where that was."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from dev.bundle.buildroot import cache_folder
from tests.fakes.archives import machine
from tests.release.conftest import Built, build_clone

from att.appliance import facts
from att.release.bundle import open_bundle
from att.release.install import install
from att.release.installed import verify_release
from att.release.trust import TrustRoot, keyid_of, load_signing_key

pytestmark = pytest.mark.timeout(1800)
LOOSE = re.compile(rb"/build-[a-z0-9_]{8}/|/\.cache/att/")


@pytest.fixture(scope="module")
def release(built: Built, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = machine(tmp_path_factory.mktemp("root"), load_signing_key(key))
    fd = os.open(built.bundle, os.O_RDONLY)
    try:
        return install(fd, found, make_current=True)
    finally:
        os.close(fd)


def test_two_builds_in_different_folders_give_identical_bytes(built: Built, key: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    # Only what is downloaded is shared: the second build makes its own venv and its own console.
    for kept in [*cache_folder().glob("root-*"), *cache_folder().glob("wheels-*")]:
        (cache / kept.name).symlink_to(kept)
    # A clone of the clone: the checkout itself may have moved on.
    other = build_clone(built.clone, tmp_path / "another" / "place" / "att", key, cache, TZ="Asia/Tokyo", LC_ALL="C")
    assert other.bundle.name == built.bundle.name
    assert other.bundle.read_bytes() == built.bundle.read_bytes()


@pytest.mark.long
def test_a_thin_bundle_for_the_one_before_carries_what_changed_and_fits_beside_it(
    built: Built, key: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(built.clone), str(source)], check=True, timeout=60)
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@att.test")
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "next"], cwd=source, check=True, timeout=60)
    thin = build_clone(source, tmp_path / "clone", key, cache_folder(), "--thin-for", str(built.bundle))
    assert ".thin-for-" in thin.bundle.name
    assert thin.bundle.stat().st_size < built.bundle.stat().st_size / 20
    found = machine(tmp_path / "root", load_signing_key(key))
    for bundle in (built.bundle, thin.bundle):
        with bundle.open("rb") as file:
            install(file.fileno(), found, make_current=False)
    installed = list(found.paths.releases.iterdir())
    assert len(installed) == 2
    assert [verify_release(one) for one in installed] == [[], []]


def test_the_bundle_comes_with_its_checksum_bill_of_materials_and_step_lines(built: Built) -> None:
    digest = hashlib.sha256(built.bundle.read_bytes()).hexdigest()
    assert Path(f"{built.bundle}.sha256").read_text() == f"{digest}  {built.bundle.name}\n"
    bill = json.loads(built.bundle.with_suffix(".sbom.json").read_text())
    names = {component["name"] for component in bill["components"]}
    assert {"fastapi", "mcp", "sqlalchemy", "zstandard"} <= names
    assert "pytest" not in names
    steps = re.findall(r"^APPLIANCE_STEP:(bundle\.\w+):(START|OK):(\{.*\})$", built.printed, flags=re.MULTILINE)
    assert len(steps) == 2 * len({name for name, _, _ in steps}) >= 12
    assert all({"artifact", "elapsed_s", "notes"} <= json.loads(body).keys() for _, _, body in steps)


def test_the_bundle_is_signed_and_made_for_this_product(built: Built, key: Path) -> None:
    public = load_signing_key(key).public_key()
    fd = os.open(built.bundle, os.O_RDONLY)
    try:
        bundle = open_bundle(fd, TrustRoot(keys={keyid_of(public): public}), facts())
        bundle.verify()
    finally:
        os.close(fd)
    assert bundle.metadata.version in built.bundle.name
    assert bundle.metadata.database.version >= 1


def test_the_installed_release_is_intact_and_holds_what_runs(release: Path) -> None:
    assert verify_release(release) == []
    present = {path.name for path in release.iterdir()}
    assert {"venv", "console", "systemd", "upgrade", "metadata.json", "metadata.sig", ".complete"} <= present
    assert {path.name for path in (release / "venv" / "bin").iterdir()} == {"python", "python3", "python3.13"}
    assert (release / "console" / "index.html").exists()
    assert (release / "upgrade" / "migrations" / "env.py").exists()


def test_units_name_the_release_and_never_the_current_link(release: Path) -> None:
    units = sorted((release / "systemd").iterdir())
    assert units
    for unit in units:
        text = unit.read_text()
        assert unit.suffix == ".service"
        assert f"/opt/att/releases/{release.name}/venv/bin/python" in text
        assert "/opt/att/current" not in text
        assert "@" not in re.sub(r"@[a-z-]+", "", text)


def test_no_file_says_where_or_under_which_name_it_was_built(release: Path) -> None:
    named = {"metadata.json", "sbom.json", "_version.py", "_version.cpython-313.pyc"}
    version = release.name.encode()
    for path in release.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        assert not LOOSE.search(content), path
        if version in content:
            assert path.name in named or path.parent.name == "systemd", path


def test_every_module_is_compiled_by_its_content_alone(release: Path) -> None:
    site = release / "venv" / "lib" / "python3.13" / "site-packages"
    compiled = list(site.rglob("*.pyc"))
    assert len(compiled) > 500
    for path in compiled:
        # PEP 552: flags 1 say "by hash, never checked".
        assert path.read_bytes()[4:8] == b"\x01\0\0\0", path
    without = [path for path in (site / "att").rglob("*.py") if not _pyc(path).exists()]
    assert not without


def _pyc(path: Path) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc"
