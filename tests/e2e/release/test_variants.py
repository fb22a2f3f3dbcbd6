"""The variants of the upgrade tests do to a program what they say, under the appliance's own Python."""

from pathlib import Path

import pytest
from dev.bundle.buildroot import buildroot, cache_folder, run_inside
from dev.vm.step import VmError
from tests.fakes.bundles import CATALOGUE, derive_bundle, unpacked
from tests.fakes.overlays import SITE
from tests.release.conftest import Built

from att.release.installed import read_metadata
from att.release.trust import load_signing_key

pytestmark = pytest.mark.timeout(1800)
NOTIFIES = """
import os, socket, subprocess, sys, time
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("/tmp/notify")
os.environ["NOTIFY_SOCKET"] = "/tmp/notify"
program = "from att.effects.systemd import notify; import time; notify('READY=1'); time.sleep(12); print('lived')"
sys.exit(subprocess.run([sys.argv[1], "-P", "-c", program, "att.entrypoints.api", *sys.argv[2:]]).returncode)
"""


@pytest.fixture(scope="module")
def base(built: Built, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(built.bundle, tmp_path_factory.mktemp("base") / "release", load_signing_key(key))


def derived(name: str, base: Path, key: Path, folder: Path) -> Path:
    """Derive the variant and unpack it where a release lies; return its folder."""
    signing = load_signing_key(key)
    version = f"0.1.0.dev99+g000000000.{name.replace('_', '')}"
    bundle = CATALOGUE[name].derive(base, version, key=signing, output=folder / "bundles")
    (folder / "releases").mkdir(exist_ok=True)
    return unpacked(bundle, folder / "releases" / version, signing)


def exit_code(release: Path, folder: Path, *arguments: str) -> int:
    """Run a program that tells the service manager it is ready, as an API of `release`; return how it ended."""
    (folder / "program.py").write_text(NOTIFIES)
    python = f"/opt/att/releases/{release.name}/venv/bin/python"
    log = folder / "log"
    try:
        run_inside(
            buildroot(cache_folder(), log),
            ["/usr/bin/python3", "/build/program.py", python, *arguments],
            releases=release.parent,
            build=folder,
            tool=folder,
            log=log,
        )
    except VmError as error:
        return int(str(error).split("it ended with ")[1].split(";")[0])
    return 0


@pytest.mark.parametrize(("name", "code"), [("does_not_start", 71), ("crash_loop", 70), ("crashes_in_probation", 70)])
def test_a_bad_release_dies_as_an_api_and_not_in_a_self_test(
    name: str, code: int, base: Path, key: Path, tmp_path: Path
) -> None:
    release = derived(name, base, key, tmp_path)
    assert exit_code(release, tmp_path) == code
    assert exit_code(release, tmp_path, "--self-test") == 0


def test_every_variant_is_a_whole_release_of_its_own_version(base: Path, key: Path, tmp_path: Path) -> None:
    before = read_metadata(base)
    for name in CATALOGUE:
        release = derived(name, base, key, tmp_path)
        found = read_metadata(release)
        assert found.version == release.name
        assert release.name in (release / SITE / "att" / "_version.py").read_text()
        for unit in (release / "systemd").iterdir():
            assert before.version not in unit.read_text()
        ahead = found.database.change_from(before.database.version)
        expected = {"good_additive": "additive", "good_breaking": "breaking", "migration_fails": "additive"}
        assert ahead == expected.get(name, "none")
    assert read_metadata(base) == before


def test_a_file_can_be_replaced_changed_and_removed(base: Path, key: Path, tmp_path: Path) -> None:
    signing = load_signing_key(key)
    module = f"{SITE}/att/kernel/ids.py"
    bundle = derive_bundle(
        base,
        "0.1.0.dev99+g000000000",
        key=signing,
        output=tmp_path,
        overlay={"LICENSE": b"new\n", module: lambda old: old + b"VARIANT = 1\n", "upgrade/gates.toml": None},
        metadata={"from_versions": (">=0.0.1",)},
    )
    release = unpacked(bundle, tmp_path / "release", signing)
    assert (release / "LICENSE").read_bytes() == b"new\n"
    assert (release / module).read_bytes().endswith(b"VARIANT = 1\n")
    assert b"VARIANT" in (release / SITE / "att/kernel/__pycache__/ids.cpython-313.pyc").read_bytes()
    assert not (release / "upgrade" / "gates.toml").exists()
    assert read_metadata(release).from_versions == (">=0.0.1",)
    assert (base / "LICENSE").read_bytes() != b"new\n"
