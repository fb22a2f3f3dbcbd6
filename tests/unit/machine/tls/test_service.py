"""The certificate of the appliance port on a folder: real files and certificates, a front that is played."""

import fcntl
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.fakes.chains import NOW, Issued, issue, rsa_key

from att.appliance import Facts, facts
from att.config import turns
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, NotFound
from att.machine.tls.pem import CHAIN_MAX, read_chain, read_key
from att.machine.tls.service import TlsService


class Front:
    """nginx as a client sees it: it serves what it read last."""

    def __init__(self, pair: Path) -> None:
        self.pair = pair
        self.up = True
        self.serving = b""
        self.refuses = ""
        self.fails = ""
        self.deaf = False
        self.tried: list[bytes] = []

    def running(self) -> bool:
        return self.up

    def refusal(self, pair: Path) -> str:
        assert stat.S_IMODE(pair.stat().st_mode) == 0o400
        self.tried.append(pair.read_bytes())
        return self.refuses

    def reload(self) -> str:
        if not self.deaf:
            self.serving = self.pair.read_bytes()
        return self.fails

    def serves(self, sha256: str, within_seconds: float) -> bool:
        assert within_seconds <= 5
        return bool(self.serving) and read_chain(self.serving)[0].sha256 == sha256


class Machine:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def names(self) -> tuple[str, ...]:
        return ("att.example.org",)

    def owner(self) -> None:
        return None

    def tell_console(self, before: str, after: str) -> None:
        self.told.append((before, after))


class Appliance:
    def __init__(self, tmp_path: Path) -> None:
        self.facts: Facts = facts().rooted(tmp_path)
        self.folder = self.facts.paths.tls
        self.folder.mkdir(parents=True)
        self.front = Front(self.folder / "server.pem")
        self.machine = Machine()
        self.tls = TlsService(self.facts, self.front, self.machine, lambda: NOW)

    def first(self) -> Issued:
        made = issue("first")
        (self.folder / "server.pem").write_bytes(made.key_pem() + made.pem)
        (self.folder / "server.crt").write_bytes(made.pem)
        self.front.reload()
        return made

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def appliance(tmp_path: Path) -> Appliance:
    return Appliance(tmp_path)


@pytest.fixture
def authority() -> Issued:
    return issue("authority", names=(), authority=True, use=None)


def test_a_pair_is_put_in_place_whole_and_served(appliance: Appliance, authority: Issued) -> None:
    first, other = appliance.first(), issue(by=authority)
    done = appliance.tls.install(other.pem + authority.pem, other.key_pem())
    pair = appliance.folder / "server.pem"
    assert read_chain(pair.read_bytes())[0].sha256 == done.sha256
    assert read_key(pair.read_bytes())[0].public == read_chain(other.pem)[0].key.public
    assert stat.S_IMODE(pair.stat().st_mode) == 0o400
    assert b"PRIVATE" not in (appliance.folder / "server.crt").read_bytes()
    assert sorted(appliance.files()) == ["server.crt", "server.pem"]
    assert (done.served, done.warnings) == (True, [])
    assert appliance.machine.told == [(read_chain(first.pem)[0].sha256, done.sha256)]
    shown = appliance.tls.show()
    assert (shown.sha256, shown.chain, shown.served) == (done.sha256, ["CN=authority"], True)
    assert (shown.names, shown.key, shown.days_left) == (["att.example.org"], "EC secp256r1", 300.0)


def test_it_is_installed_for_the_next_start_where_the_port_is_not_open(appliance: Appliance) -> None:
    appliance.front.up = False
    own = issue()
    done = appliance.tls.install(own.pem, own.key_pem())
    assert (done.served, done.replaced) == (False, None)
    assert appliance.tls.show().served is None


def test_somebody_who_holds_the_folder_ends_it_with_what_to_do_and_the_former_pair(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    appliance.first()
    before = appliance.files()
    monkeypatch.setattr(turns, "SECONDS_MAX", 0.0)
    own = issue()
    holder = os.open(appliance.folder, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_SH)
        with pytest.raises(Conflict) as refused:
            appliance.tls.install(own.pem, own.key_pem())
    finally:
        os.close(holder)
    assert (refused.value.code, appliance.files()) == ("change_running", before)


@pytest.mark.parametrize("torn", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_a_pair_that_cannot_be_read_any_more_is_replaced(appliance: Appliance, torn: bytes) -> None:
    appliance.front.up = False
    (appliance.folder / "server.pem").write_bytes(torn)
    own = issue()
    assert appliance.tls.install(own.pem, own.key_pem()).replaced is None
    assert read_chain((appliance.folder / "server.pem").read_bytes()) == read_chain(own.pem)


@pytest.mark.parametrize("how", ["refuses", "fails", "deaf"])
def test_a_front_that_does_not_take_it_serves_the_former_one(appliance: Appliance, how: str) -> None:
    appliance.first()
    before = appliance.files()
    setattr(appliance.front, how, True if how == "deaf" else "nginx says: no")
    own = issue()
    with pytest.raises(Failed) as refused:
        appliance.tls.install(own.pem, own.key_pem())
    assert refused.value.code == "front_refused"
    assert appliance.files() == before
    assert appliance.front.serving == before["server.pem"]
    assert appliance.machine.told == []


@pytest.mark.parametrize("at", range(1, 13))
def test_a_power_cut_leaves_the_former_or_the_new_pair(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    class PowerCut(BaseException):
        pass

    first, own = appliance.first(), issue()
    count = 0

    def cutting(name: str) -> None:
        real = getattr(os, name)

        def cut(*args: object, **more: object) -> object:
            nonlocal count
            count += 1
            if count == at:
                raise PowerCut
            return real(*args, **more)

        monkeypatch.setattr(os, name, cut)

    for name in ("fsync", "fchmod", "write"):
        cutting(name)
    with pytest.raises(PowerCut):
        appliance.tls.install(own.pem, own.key_pem())
    pair = (appliance.folder / "server.pem").read_bytes()
    key, leaf = read_key(pair)[0], read_chain(pair)[0]
    assert key.public == leaf.key.public
    assert leaf.sha256 in {read_chain(one.pem)[0].sha256 for one in (first, own)}


def refused(appliance: Appliance, certificates: bytes, key: bytes) -> AttError:
    before = appliance.files()
    with pytest.raises(InvalidInput) as error:
        appliance.tls.install(certificates, key)
    assert appliance.files() == before
    assert appliance.front.tried == []
    assert "BEGIN" not in error.value.detail
    return error.value


def test_what_cannot_serve_is_refused_before_anything_is_touched(appliance: Appliance, authority: Issued) -> None:
    appliance.first()
    own, other = issue(by=authority), issue(by=authority)
    found = [
        refused(appliance, own.pem, other.key_pem()),
        refused(appliance, authority.pem + own.pem, own.key_pem()),
        refused(appliance, own.pem + other.pem, own.key_pem()),
        refused(appliance, own.pem, own.key_pem(b"secret")),
        refused(appliance, own.pem, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        refused(appliance, own.key_pem(), own.pem),
        refused(appliance, b"", own.key_pem()),
        refused(appliance, own.pem * (CHAIN_MAX + 1), own.key_pem()),
    ]
    assert [(one.code, one.field) for one in found] == [
        ("certificate_mismatch", "key"),
        ("certificate_chain", "cert"),
        ("certificate_chain", "cert"),
        ("certificate_key_locked", "key"),
        ("certificate_unreadable", "key"),
        ("certificate_unreadable", "cert"),
        ("certificate_unreadable", "cert"),
        ("certificate_unreadable", "cert"),
    ]


def test_weak_old_and_misused_certificates_are_refused(appliance: Appliance) -> None:
    cases = {
        "certificate_expired": issue(days=(-20, -1)),
        "certificate_early": issue(days=(1, 20)),
        "certificate_use": issue(use=ExtendedKeyUsageOID.CLIENT_AUTH),
        "certificate_weak": issue(key=rsa_key(1024)),
    }
    for code, own in cases.items():
        assert refused(appliance, own.pem, own.key_pem()).code == code
    signer = issue()
    edwards = issue(by=signer, key=ed25519.Ed25519PrivateKey.generate())
    chain = read_chain(edwards.pem + signer.pem)
    assert [str(one.key) for one in chain] == ["Ed25519", "EC secp256r1"]
    assert chain[0].signed_by_next


def test_the_names_of_a_certificate_are_its_dns_names_and_addresses_and_warnings_say_what_is_missing(
    appliance: Appliance,
) -> None:
    own = issue(names=("other.example.org",))
    warnings = appliance.tls.install(own.pem, own.key_pem()).warnings
    assert warnings == ["it is made out to other.example.org, not to what this machine calls itself: att.example.org"]
    bare = issue(names=(), use=None)
    assert "no name" in appliance.tls.install(bare.pem, bare.key_pem()).warnings[0]


def test_without_a_certificate_there_is_nothing_to_show(appliance: Appliance) -> None:
    with pytest.raises(NotFound, match="there is no"):
        appliance.tls.show()


def test_the_clock_is_the_machines_own_unless_a_test_sets_it(appliance: Appliance) -> None:
    appliance.first()
    tls = TlsService(appliance.facts, appliance.front, appliance.machine)
    left = (read_chain((appliance.folder / "server.crt").read_bytes())[0].valid_until - datetime.now(UTC)).days
    assert abs(tls.show().days_left - left) <= 1
