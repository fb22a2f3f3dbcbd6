import json
import os
import stat
from pathlib import Path

import pytest
from dev.bundle.__main__ import signing_key
from dev.bundle.assemble import export, make_key, normalise, own, programs
from dev.bundle.identity import CannotBuild
from dev.bundle.sbom import bill_of_materials

from att.release.sbom import pins

LOCK = f"""\
Some.Name==1.0 \\
    --hash=sha256:{"a" * 64} \\
    --hash=sha256:{"b" * 64}
other==2 ; sys_platform == 'win32' \\
    --hash=sha256:{"c" * 64}
"""


def package(site: Path, name: str, version: str, *fields: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    head = [f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}", *fields]
    (folder / "METADATA").write_text("\n".join(head) + "\n")


def test_a_lock_gives_each_package_its_hashes() -> None:
    assert pins(LOCK) == {"some-name": ("1.0", ["a" * 64, "b" * 64]), "other": ("2", ["c" * 64])}


def test_the_bill_lists_what_is_installed_and_is_the_same_each_time(tmp_path: Path) -> None:
    site, lock = tmp_path / "site", tmp_path / "lock.txt"
    lock.write_text(LOCK)
    package(site, "Some.Name", "1.0", "License-Expression: MIT OR Apache-2.0")
    package(site, "zeta", "3", "License: A very own licence", "Classifier: License :: OSI Approved :: BSD License")
    package(site, "alpha", "2")
    raw = bill_of_materials([(site, lock)], version="0.1.0", time=0)
    assert raw == bill_of_materials([(site, lock)], version="0.1.0", time=0)
    bill = json.loads(raw)
    assert [component["name"] for component in bill["components"]] == ["alpha", "some-name", "zeta"]
    assert bill["components"][1]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert bill["components"][2]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert len(bill["components"][1]["externalReferences"][0]["hashes"]) == 2
    assert bill["metadata"]["timestamp"] == "1970-01-01T00:00:00Z"
    schema = pytest.importorskip("cyclonedx.schema", reason="no release carries it")
    strict = pytest.importorskip("cyclonedx.validation.json").JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert strict.validate_str(raw.decode()) is None


def test_units_are_given_the_paths_of_their_release(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "a.service").write_text(
        "[Unit]\nDescription=A @VERSION@\n[Service]\nExecStart=@RELEASE@/venv/bin/python -P -m att.entrypoints.a\n"
    )
    release = tmp_path / "release"
    own(tmp_path, ["systemd/a.service"], release, Path("/opt/att/releases/0.1.0"), nat=False)
    text = (release / "systemd" / "a.service").read_text()
    assert "Description=A 0.1.0\n" in text
    assert "ExecStart=/opt/att/releases/0.1.0/venv/bin/python" in text
    assert programs(release) == ["att.entrypoints.a"]


def test_a_release_carries_services_alone(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match=r"a\.socket"):
        own(tmp_path, ["systemd/a.socket"], tmp_path / "release", Path("/x/0.1.0"), nat=False)


def test_normalised_files_have_two_modes_and_one_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "plain").write_text("")
    (tmp_path / "a" / "program").write_text("")
    (tmp_path / "a" / "program").chmod(0o700)
    (tmp_path / "a" / "link").symlink_to("plain")
    normalise(tmp_path, 1000)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (tmp_path / "a").iterdir()}
    assert (modes["plain"], modes["program"]) == (0o444, 0o555)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert {path.lstat().st_mtime for path in tmp_path.rglob("*")} == {1000}


def test_a_release_carries_the_builds_version(tmp_path: Path) -> None:
    (tmp_path / "one" / "src" / "att").mkdir(parents=True)
    (tmp_path / "one" / "src" / "att" / "_version.py").write_text('__version__ = "0.1.0"\n')
    export(tmp_path / "one", ["src/att/_version.py"], tmp_path / "two")
    own(tmp_path / "two", ["src/att/_version.py"], tmp_path / "release", Path("/r/0.1.0.dev3+gabc"), nat=False)
    (written,) = (tmp_path / "release").rglob("_version.py")
    assert '__version__ = "0.1.0.dev3+gabc"' in written.read_text()


def test_a_link_is_not_built_of(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(CannotBuild, match="link"):
        export(tmp_path, ["link"], tmp_path / "two")


def test_a_key_of_the_users_own_is_made_once_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ATT_SIGNING_KEY", raising=False)
    path = signing_key(release=False)
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(release=False) == path
    assert path.read_bytes() == made
    with pytest.raises(FileExistsError):
        make_key(path)


def test_a_release_build_demands_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATT_SIGNING_KEY", raising=False)
    with pytest.raises(CannotBuild, match="ATT_SIGNING_KEY"):
        signing_key(release=True)
    monkeypatch.setenv("ATT_SIGNING_KEY", os.devnull)
    assert signing_key(release=True) == Path(os.devnull)
