"""What of the repository a release carries and where, and bytecode that is the same wherever it is made."""

import compileall
import json
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from dev.bundle.identity import input_files

from att.release.bytecode import compile_packages, compiled, head_of, place_of_bytecode
from att.release.own import LOCKS, VERSION_MODULE, console_inputs, content_of, is_own, place_of, shown_name
from att.release.sbom import document, renewed

ROOT = Path(__file__).parents[3]
SITE = "venv/lib/python3.13/site-packages"
NAT = "nat/lib/python3.13/site-packages"
INSTALLED = Path("/opt/att/releases/1.2.3")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("src/att/kernel/ids.py", f"{SITE}/att/kernel/ids.py"),
        ("src/att/config/att.schema.json", f"{SITE}/att/config/att.schema.json"),
        ("appliance/stage0/att_stage0/world.py", f"{SITE}/att_stage0/world.py"),
        ("appliance/appliance.toml", f"{SITE}/att/appliance/appliance.toml"),
        ("templates/chatbot/files/.gitignore", f"{SITE}/att/projects/templates/chatbot/files/.gitignore"),
        ("src/att_nat/serve.py", f"{NAT}/att_nat/serve.py"),
        ("systemd/att-api.service", "systemd/att-api.service"),
        ("upgrade/migrations/versions/0001_first.py", "upgrade/migrations/versions/0001_first.py"),
        ("LICENSE", "LICENSE"),
        ("docs/guide/backup.md", "doc/backup.md"),
        ("docs/guide/attctl.1", "doc/attctl.1"),
        ("docs/console.png", None),
        ("upgrade/README.md", None),
        ("src/att/__pycache__/a.cpython-313.pyc", None),
        ("src/att/a.pyc", None),
        ("src/attic/a.py", None),
        ("appliance/appliance.toml.bak", None),
        ("appliance/stage0/recover", None),
        ("src/console/index.html", None),
        ("pyproject.toml", None),
        ("locks/runtime.txt", None),
        ("tests/unit/test_a.py", None),
    ],
)
def test_a_file_of_the_repository_has_one_place_in_a_release_or_none(path: str, place: str | None) -> None:
    assert place_of(path, python="3.13", nat=True) == place
    if place:
        assert is_own(place, python="3.13")


def test_without_nats_venv_its_package_has_no_place() -> None:
    assert place_of("src/att_nat/serve.py", python="3.13", nat=False) is None


@pytest.mark.parametrize("path", ["systemd/a.socket", "systemd/more/a.service"])
def test_a_unit_that_no_release_may_bring_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="files alone"):
        place_of(path, python="3.13", nat=True)


@pytest.mark.parametrize(
    "place",
    [f"{SITE}/fastapi/a.py", f"{SITE}/att_other/a.py", f"{NAT}/nat/a.py", "venv/bin/python", "console/index.html"],
)
def test_what_locks_and_console_bring_is_not_atts_own(place: str) -> None:
    assert not is_own(place, python="3.13")


def test_everything_that_a_build_writes_itself_is_its_own() -> None:
    assert all(is_own(place, python="3.13") for place in ("sbom.json", "provenance.json", f"{SITE}/att/__pycache__/a"))


def test_no_two_files_of_this_checkout_have_one_place() -> None:
    names = input_files(ROOT)
    places = [place for name in names if (place := place_of(name, python="3.13", nat=True))]
    assert len(set(places)) == len(places) > 400
    assert set(LOCKS.values()) <= set(names)


def test_the_version_and_the_release_are_filled_in_and_nothing_else_changes() -> None:
    written = content_of(VERSION_MODULE, b"anything", installed=INSTALLED, version="1.2.3")
    assert b'__version__ = "1.2.3"\n' in written
    unit = content_of("systemd/a.service", b"@RELEASE@/x @VERSION@ @", installed=INSTALLED, version="1.2.3")
    assert unit == b"/opt/att/releases/1.2.3/x 1.2.3 @"
    for path in ("src/att/a.py", "LICENSE", "upgrade/gates.toml"):
        assert content_of(path, b"@VERSION@\xff", installed=INSTALLED, version="1.2.3") == b"@VERSION@\xff"
    with pytest.raises(ValueError, match="utf-8"):
        content_of("systemd/a.service", b"\xff", installed=INSTALLED, version="1.2.3")


def test_types_tests_and_papers_of_the_console_are_not_built() -> None:
    inputs = ["src/console/index.html", "src/console/package-lock.json", "src/console/src/a.ts"]
    left = ["src/console/src/a.test.ts", "src/console/src/api/schema.d.ts", "src/console/README.md", "src/att/a.py"]
    assert console_inputs([*left, *inputs]) == inputs


def test_modules_are_named_below_their_site_and_other_files_not_at_all() -> None:
    assert shown_name(f"{SITE}/att/a.py", python="3.13") == "att/a.py"
    assert shown_name(f"{NAT}/att_nat/a.py", python="3.13") == "att_nat/a.py"
    assert shown_name(f"{SITE}/att/a.toml", python="3.13") is None
    assert shown_name("upgrade/migrations/env.py", python="3.13") is None


def test_bytecode_is_that_of_compileall_in_a_process_of_its_own_and_in_this_one(tmp_path: Path) -> None:
    package = tmp_path / "one" / "att"
    for name in ("kernel", "release", "upgrade"):
        for source in (ROOT / "src" / "att" / name).rglob("*.py"):
            target = package / source.relative_to(ROOT / "src" / "att")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    assert compileall.compile_dir(
        package, quiet=1, stripdir=str(tmp_path / "one"), prependdir="", invalidation_mode=mode
    )
    theirs = {path.relative_to(tmp_path): path.read_bytes() for path in package.rglob("*.pyc")}
    for path in theirs:
        (tmp_path / path).unlink()
    command = [sys.executable, "-P", "-B", "-m", "att.release.bytecode", str(tmp_path / "one"), "att"]
    subprocess.run(command, check=True, timeout=60)
    assert {path.relative_to(tmp_path): path.read_bytes() for path in package.rglob("*.pyc")} == theirs
    for path in theirs:
        (tmp_path / path).unlink()
    compile_packages(tmp_path / "one", ["att"])
    assert {path.relative_to(tmp_path): path.read_bytes() for path in package.rglob("*.pyc")} == theirs


def test_bytecode_begins_with_what_its_source_alone_decides() -> None:
    one, other = compiled(b"a = 1\n", "att/a.py"), compiled(b"a = 2\n", "att/a.py")
    assert one.startswith(head_of(b"a = 1\n"))
    assert not one.startswith(head_of(b"a = 2\n"))
    assert other[4:8] == b"\x01\0\0\0"
    assert place_of_bytecode("x/att/a.py") == "x/att/__pycache__/a.cpython-313.pyc"
    with pytest.raises(SyntaxError):
        compiled(b"a = \n", "att/a.py")


def test_a_bill_of_the_same_packages_is_renewed_as_a_build_would_write_it() -> None:
    components = [{"bom-ref": "pkg:pypi/a@1", "name": "a"}, {"bom-ref": "pkg:pypi/b@2", "name": "b"}]
    former = document(components, version="1.0.0", time=0)
    assert renewed(former, version="1.0.1", time=9) == document(components, version="1.0.1", time=9) != former
    assert json.loads(former)["components"] == components
