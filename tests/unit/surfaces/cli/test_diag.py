"""`attctl diag bundle`: one file without secrets, or no file at all."""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.diagnostics.planted import everything, plants
from tests.unit.surfaces.cli.conftest import Attctl

from att.appliance import Facts, facts
from att.diagnostics import redaction, sources
from att.diagnostics.known import Known, known
from att.diagnostics.leaks import holds
from att.diagnostics.redaction import Redacted
from att.diagnostics.sources import Command, Files, Source
from att.surfaces.cli import diag, root
from att.surfaces.cli.app import main

PLANTS = plants()
ALL = known(one.value.encode() for one in PLANTS)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A machine whose one log holds sixty secrets; a part of them is ATT's own."""
    where = facts().rooted(tmp_path / "root")
    where.paths.secrets.mkdir(parents=True)
    where.paths.logs.mkdir(parents=True)
    for one in PLANTS:
        if one.held:
            (where.paths.secrets / one.value[:2]).write_text(one.value)
    (where.paths.logs / "one.log").write_text(everything(PLANTS))
    table = [Source("one.log", Files(where.paths.logs, "one.log")), Source("two.txt", Command(("false",)))]
    monkeypatch.setattr(sources, "sources", lambda *_: iter(table))
    monkeypatch.setattr("att.appliance.facts", lambda: where)
    monkeypatch.setattr(root, "become_root", lambda _what: None)
    monkeypatch.chdir(tmp_path)
    return where


def texts_of(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        files = {one.name.partition("/")[2]: archive.extractfile(one) for one in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def left(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name != "root")


def test_the_file_holds_the_log_and_none_of_the_secrets(machine: Facts, attctl: Attctl, tmp_path: Path) -> None:
    ran = attctl("diag", "bundle", "--output", "diag.tar.gz", "--json")
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert told["file"] == str(tmp_path / "diag.tar.gz")
    assert (told["sources"], told["redactions"] >= 60) == (2, True)
    assert told["without"] == ["two.txt: false ended with 1: it said nothing"]
    texts = texts_of((tmp_path / "diag.tar.gz").read_bytes())
    assert texts["one.log"].startswith("line 0: all is well\n")
    assert [name for name, text in texts.items() if holds(text, ALL)] == []


def test_without_a_name_it_is_named_after_the_time(machine: Facts, attctl: Attctl, tmp_path: Path) -> None:
    assert attctl("diag", "bundle").code == 0
    assert [name[:9] + name[-7:] for name in left(tmp_path)] == ["att-diag-.tar.gz"]


def test_with_the_redaction_broken_nothing_is_written(
    machine: Facts, attctl: Attctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str, _known: Known) -> Redacted:
        return Redacted(text, Counter())

    monkeypatch.setattr(redaction, "redact", broken)
    ran = attctl("diag", "bundle", "--output", "diag.tar.gz")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(
        "error[diag_leak]: cannot write the diagnostics: a secret would go with them: one.log, line "
    )
    assert not holds(ran.err, ALL)
    assert left(tmp_path) == []


def test_the_list_shows_what_would_go_and_writes_nothing(machine: Facts, attctl: Attctl, tmp_path: Path) -> None:
    ran = attctl("diag", "bundle", "--list", "--json")
    rows = {one["source"]: one for one in json.loads(ran.out)["sources"]}
    assert (ran.code, list(rows), left(tmp_path)) == (0, ["one.log", "two.txt"], [])
    assert rows["one.log"]["redactions"] >= 60
    assert rows["one.log"]["bytes"] > 1000
    assert not holds(ran.out + ran.err, ALL)


def test_to_standard_output_goes_the_bundle_alone(
    machine: Facts, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["diag", "bundle", "-o", "-"]) == 0
    assert "one.log" in texts_of(capfdbinary.readouterr().out)
    assert left(tmp_path) == []


def test_for_a_recipient_the_file_is_read_by_nobody_else(machine: Facts, attctl: Attctl, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (machine.root / "support.pem").write_bytes(public)
    ran = attctl("diag", "bundle", "--recipient", "root/support.pem", "--json")
    file = Path(json.loads(ran.out)["file"])
    assert file.name.endswith(".tar.gz.cms")
    with pytest.raises(tarfile.ReadError):
        texts_of(file.read_bytes())
    assert b"one.log" not in file.read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("--output", "root"), "file_exists", 4),
        (("--output", "none/diag"), "not_found", 4),
        (("--recipient", "none"), "not_found", 4),
        (("--recipient", "root/var/log/att/one.log"), "diag_recipient", 2),
        (("--recipient", "root"), "invalid_input", 2),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_gathered(
    machine: Facts,
    attctl: Attctl,
    tmp_path: Path,
    words: tuple[str, ...],
    code: str,
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diag, "_gathered", lambda: pytest.fail("it gathers"))
    ran = attctl("diag", "bundle", *words)
    assert (ran.code, ran.err.partition("]")[0]) == (exit_code, f"error[{code}")
    assert left(tmp_path) == []


def test_secrets_that_cannot_be_opened_are_warned_of(machine: Facts, attctl: Attctl) -> None:
    machine.paths.api_database.mkdir(parents=True)
    (machine.paths.api_database / "att.db").write_bytes(b"broken")
    ran = attctl("diag", "bundle", "--list")
    assert ran.code == 0
    assert ran.err.startswith(
        "warning: its values could be looked for by name and form alone: database: cannot read the"
    )
