"""`attctl tls` from the command line to the files of a machine."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fakes.chains import issue
from tests.unit.machine.tls.test_service import Front, Machine
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts


@pytest.fixture
def front(box: Facts, monkeypatch: pytest.MonkeyPatch) -> Front:
    box.paths.tls.mkdir(parents=True)
    made = Front(box.paths.tls / "server.pem")
    monkeypatch.setattr("att.machine.tls.world.Nginx", lambda _facts: made)
    monkeypatch.setattr("att.machine.tls.world.Box", lambda _facts: Machine())
    return made


def pair(tmp_path: Path, days: tuple[int, int] = (-10, 30_000)) -> tuple[str, str, bytes]:
    own = issue(days=days)
    (tmp_path / "cert.pem").write_bytes(own.pem)
    (tmp_path / "key.pem").write_bytes(own.key_pem())
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"), own.key_pem()


def test_a_certificate_is_installed_shown_and_audited_and_its_key_is_told_nowhere(
    front: Front, attctl: Attctl, audited: Audited, tmp_path: Path
) -> None:
    cert, key, secret = pair(tmp_path)
    done = attctl("tls", "install", cert, key, "--json")
    assert done.code == 0
    sha256 = json.loads(done.out)["sha256"]
    assert json.loads(attctl("tls", "show", "--json").out)["sha256"] == sha256
    (line,) = audited()
    assert (line["action"], line["by"], line["door"], line["sha256"]) == ("machine.tls.install", "ann", "ssh", sha256)
    told = done.out + done.err + json.dumps(line)
    assert not [part for part in secret.decode().splitlines()[1:-1] if part in told]


def test_the_key_may_come_from_standard_input(
    front: Front, attctl: Attctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cert, _, secret = pair(tmp_path)

    class Piped(io.StringIO):
        buffer = io.BytesIO(secret)

    monkeypatch.setattr(io, "StringIO", lambda _text="": Piped())
    assert attctl("tls", "install", cert, "-").code == 0
    assert sys.stdin.buffer.read() == b""


def test_what_is_refused_is_told_with_its_code_and_not_audited(
    front: Front, attctl: Attctl, audited: Audited, tmp_path: Path
) -> None:
    cert, key, _ = pair(tmp_path, days=(-20, -10))
    expired = attctl("tls", "install", cert, key)
    assert (expired.code, "error[certificate_expired]" in expired.err) == (2, True)
    missing = attctl("tls", "install", cert, str(tmp_path / "nothing"))
    assert (missing.code, "error[file_unreadable]" in missing.err) == (2, True)
    huge = tmp_path / "huge"
    huge.write_bytes(b"x" * 300_000)
    assert "larger than" in attctl("tls", "install", str(huge), key).err
    assert attctl("tls", "show").code == 4
    assert audited() == []


def test_off_the_appliance_it_says_so(attctl: Attctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = SimpleNamespace(paths=SimpleNamespace(run=tmp_path / "run/att"))
    monkeypatch.setattr("att.surfaces.cli.root.facts", lambda: nowhere)
    ran = attctl("tls", "install", "cert.pem", "key.pem")
    assert (ran.code, "error[appliance_only]" in ran.err) == (4, True)
