"""First boot on a folder instead of a machine: real openssl, a fake for the release's own programs."""

import hashlib
import importlib.util
import re
import socket
import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from att.effects.clock import jump_seconds

ROOT = Path(__file__).parents[3]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("firstboot", ROOT / "appliance/firstboot/firstboot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


firstboot = load()


class PowerCut(BaseException):
    pass


class Programs:
    """The far side: openssl is real, the release and the machine's own tools are played."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.claimed = False
        self.tokens: list[str] = []
        self.release = "/opt/att/releases/1.0.0"
        self.cut_at: int | None = None

    def __call__(self, command: Sequence[str], *, user: str | None = None, text: str = "") -> str:
        self.calls.append(list(command))
        if self.cut_at is not None and len(self.calls) == self.cut_at:
            raise PowerCut
        match list(command):
            case ["openssl", *_]:
                return str(firstboot.run_program(command))
            case ["ip", *_]:
                return '[{"flags":["UP"],"addr_info":[{"local":"10.1.2.3","scope":"global"}]}]'
            case [program] if program.endswith("which-release"):
                return self.release + "\n"
            case [*_, "create", folder]:
                (Path(folder) / "att.db").write_text("database")
                assert user == "att"
                return "{}\n"
            case [*_, "first-token", _]:
                self.tokens.append(text.strip())
                return "{}\n"
            case ["/usr/bin/python3", *_]:
                return "1\n" if self.claimed else "0\n"
            case _:
                raise AssertionError(command)


def machine(tmp_path: Path, programs: Callable[..., str]) -> object:
    (tmp_path / "etc/att").mkdir(parents=True, exist_ok=True)
    (tmp_path / "dev").mkdir(exist_ok=True)
    return firstboot.Machine(ROOT / "appliance/appliance.toml", tmp_path, programs, chown=False)


def test_a_new_machine_gets_all_it_lacks(tmp_path: Path) -> None:
    assert firstboot.main(machine(tmp_path, Programs())) == 0
    pair = (tmp_path / "etc/att/tls/server.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pair)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"127.0.0.1", "::1", "10.1.2.3"} == {str(name) for name in names.get_values_for_type(x509.IPAddress)}
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert load_pem_private_key(pair, None).public_key() == certificate.public_key()
    assert stat.S_IMODE((tmp_path / "etc/att/tls/server.pem").stat().st_mode) == 0o400
    assert b"PRIVATE" not in (tmp_path / "etc/att/tls/server.crt").read_bytes()
    trust = tmp_path / "var/lib/att/upgrade/trust"
    assert stat.S_IMODE((trust / "appliance.key").stat().st_mode) == 0o400
    assert b"PUBLIC KEY" in (trust / "appliance.pem").read_bytes()
    assert (tmp_path / "var/lib/att/api/db/att.db").read_text() == "database"
    assert (tmp_path / "var/lib/att/api/db").readlink() == Path("db-1")
    sealing_key = tmp_path / "etc/att/secrets.d/sealing-key"
    assert stat.S_IMODE(sealing_key.stat().st_mode) == 0o400
    assert len(sealing_key.read_bytes()) == 32


@pytest.mark.parametrize("year", [1970, 2025, 2031])
def test_a_certificate_that_was_made_by_a_wrong_clock_is_good_by_the_right_one(tmp_path: Path, year: int) -> None:
    made = machine(tmp_path, Programs())
    clock = datetime(year, 1, 1, 0, 0, 10, tzinfo=UTC)
    setattr(made, "now", lambda: clock)  # noqa: B010 - a module that is loaded by path has no types
    assert firstboot.main(made) == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "etc/att/tls/server.pem").read_bytes())
    right = datetime(2026, 11, 22, tzinfo=UTC)
    assert certificate.not_valid_before_utc < right < certificate.not_valid_after_utc - timedelta(days=3_000)
    assert certificate.not_valid_after_utc >= clock + timedelta(days=3_650)


def test_the_claim_code_is_told_to_root_and_its_hash_to_the_api(tmp_path: Path) -> None:
    firstboot.main(machine(tmp_path, Programs()))
    code = (tmp_path / "run/att/claim-code").read_text().strip()
    assert re.fullmatch(r"([2-9A-HJKMNP-TV-Z]{4}-){3}[2-9A-HJKMNP-TV-Z]{4}", code)
    assert stat.S_IMODE((tmp_path / "run/att/claim-code").stat().st_mode) == 0o400
    told = (tmp_path / "run/att/keys/claim.sha256").read_text().strip()
    assert code in (tmp_path / "dev/console").read_text()
    assert told == hashlib.sha256(code.replace("-", "").encode()).hexdigest()


def test_services_may_start_once_keys_and_database_are_there_and_need_not_await_the_claim_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, there = Programs(), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def run(command: Sequence[str], **options: Any) -> str:
            try:
                there.append((command[0], manager.recv(64)))
            except BlockingIOError:
                there.append((command[0], b""))
            return programs(command, **options)

        assert firstboot.main(machine(tmp_path, run)) == 0
    told = [message for _, message in there].index(b"READY=1")
    assert there[told][0] == "/usr/bin/python3", "the first program after it asks whether the appliance is claimed"
    assert [message for _, message in there].count(b"READY=1") == 1


def test_each_boot_makes_a_new_code_until_the_appliance_is_claimed(tmp_path: Path) -> None:
    programs = Programs()
    firstboot.main(machine(tmp_path, programs))
    first = (tmp_path / "run/att/claim-code").read_text()
    firstboot.main(machine(tmp_path, programs))
    assert (tmp_path / "run/att/claim-code").read_text() != first
    programs.claimed = True
    firstboot.main(machine(tmp_path, programs))
    assert not (tmp_path / "run/att/claim-code").exists()
    assert not (tmp_path / "run/att/keys/claim.sha256").exists()


def test_each_boot_is_stamped_once_so_that_a_clock_that_is_set_later_can_be_told(tmp_path: Path) -> None:
    firstboot.main(machine(tmp_path, Programs()))
    stamp = tmp_path / "run/att/clock"
    assert jump_seconds(stamp) == pytest.approx(0, abs=5)
    assert stat.S_IMODE(stamp.stat().st_mode) == 0o644
    stamp.write_text("1.5")
    firstboot.main(machine(tmp_path, Programs()))
    assert stamp.read_text() == "1.5"


def test_a_second_boot_changes_nothing_that_lasts(tmp_path: Path) -> None:
    programs = Programs()
    firstboot.main(machine(tmp_path, programs))
    before = {
        path: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in [*(tmp_path / "etc").rglob("*"), *(tmp_path / "var").rglob("*")]
        if path.is_file()
    }
    assert firstboot.main(machine(tmp_path, programs)) == 0
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in before}
    assert before == after


@pytest.mark.parametrize("cut_at", range(1, 9))
def test_a_power_cut_at_any_program_is_mended_by_the_next_boot(tmp_path: Path, cut_at: int) -> None:
    programs = Programs()
    programs.cut_at = cut_at
    with pytest.raises(PowerCut):
        firstboot.main(machine(tmp_path, programs))
    programs.cut_at = None
    assert firstboot.main(machine(tmp_path, programs)) == 0
    assert (tmp_path / "var/lib/att/api/db/att.db").read_text() == "database"
    for folder in ("etc/att/tls", "etc/att/secrets.d", "var/lib/att/api", "var/lib/att/upgrade/trust"):
        assert not list((tmp_path / folder).glob(".*"))


def test_a_database_without_its_link_is_linked_and_never_made_again(tmp_path: Path) -> None:
    (tmp_path / "var/lib/att/api/db-1").mkdir(parents=True)
    (tmp_path / "var/lib/att/api/db-1/att.db").write_text("older")
    programs = Programs()
    assert firstboot.main(machine(tmp_path, programs)) == 0
    assert (tmp_path / "var/lib/att/api/db/att.db").read_text() == "older"
    assert not any("create" in call for call in programs.calls)


def test_a_link_that_points_to_nothing_is_reported_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "var/lib/att/api").mkdir(parents=True)
    (tmp_path / "var/lib/att/api/db").symlink_to("db-7")
    assert firstboot.main(machine(tmp_path, Programs())) == 1
    assert "points to nothing" in capsys.readouterr().err
    assert (tmp_path / "var/lib/att/api/db").readlink() == Path("db-7")
    assert (tmp_path / "etc/att/tls/server.pem").exists()


def test_two_databases_without_a_link_are_nobodys_guess(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"var/lib/att/api/db-{number}").mkdir(parents=True)
    assert firstboot.main(machine(tmp_path, Programs())) == 1
    assert not (tmp_path / "var/lib/att/api/db").is_symlink()


def test_a_first_token_goes_into_the_database_once(tmp_path: Path) -> None:
    programs = Programs()
    place = machine(tmp_path, programs)
    digest = hashlib.sha256(b"token").hexdigest()
    (tmp_path / "etc/att/first-token.sha256").write_text(digest.upper() + "  first\n")
    assert firstboot.main(place) == 0
    assert firstboot.main(place) == 0
    assert programs.tokens == [digest]
    assert not (tmp_path / "etc/att/first-token.sha256").exists()


def test_a_first_token_that_is_no_hash_is_refused_and_kept(tmp_path: Path) -> None:
    programs = Programs()
    place = machine(tmp_path, programs)
    (tmp_path / "etc/att/first-token.sha256").write_text("att_secret-itself\n")
    assert firstboot.main(place) == 1
    assert programs.tokens == []
    assert (tmp_path / "etc/att/first-token.sha256").exists()


def test_without_a_release_the_machine_still_gets_a_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programs = Programs()
    programs.release = ""
    assert firstboot.main(machine(tmp_path, programs)) == 1
    assert "no release is installed" in capsys.readouterr().err
    assert (tmp_path / "etc/att/tls/server.crt").exists()
    assert (tmp_path / "run/att/claim-code").exists()


def test_a_program_that_fails_is_reported_with_its_last_words() -> None:
    with pytest.raises(firstboot.StepFailed, match="ended with 1"):
        firstboot.run_program(["openssl", "x509", "-in", "/nonexistent"])
    with pytest.raises(firstboot.StepFailed, match="cannot run"):
        firstboot.run_program(["/nonexistent/program"])
