"""Every secret that the machine holds is known by value, whatever file it lies in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from att.appliance import Facts, facts
from att.diagnostics.held import held, values_of
from att.kernel.errors import Unavailable

SEED = bytes(range(32))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    return facts().rooted(tmp_path)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def values(machine: Facts) -> dict[str, tuple[bytes, ...]]:
    return {one.place: one.values for one in held(machine) if one.values}


def test_each_place_gives_what_lies_in_it(machine: Facts) -> None:
    paths, root = machine.paths, machine.root
    put(paths.secrets / "deep" / "any", b"of a secret file")
    put(paths.tls / "server.key", b"of the front")
    put(paths.tls / "server.crt", b"a certificate")
    put(paths.state / "router" / "sealing.key", SEED)
    put(paths.local_trust / "appliance.key", b"of the engine")
    put(paths.local_trust / "appliance.pem", b"public")
    put(paths.state / "api" / "router.pub", b"public")
    put(paths.projects / "p000" / "work" / "some.key", b"not ATT's")
    put(root / "etc/ssh/ssh_host_ed25519_key", b"of the host")
    put(root / "etc/ssh/ssh_host_ed25519_key.pub", b"public")
    put(paths.run / "claim-code", b"ABCD-EFGH\n")
    put(root / "run/credentials/att-api.service/sealing-key", b"handed to the API")
    found = values(machine)
    assert found == {
        "secrets": (b"of a secret file",),
        "tls": (b"of the front",),
        "state": (SEED, b"of the engine") if found["state"][0] == SEED else (b"of the engine", SEED),
        "ssh": (b"of the host",),
        "claim": (b"ABCD-EFGH\n",),
        "handed": (b"handed to the API",),
    }


def test_what_an_app_gets_is_known_while_it_runs(machine: Facts) -> None:
    spec = {"secrets": {"A": "value-of-a", "LEVEL": "info"}, "stdin": "", "grant": "att1.grant", "command": ["serve"]}
    put(machine.root / "run/credentials/att-app@p000-app.service/spec", json.dumps(spec).encode())
    put(machine.paths.launch / "p000-app", json.dumps(spec).encode())
    expected = (b"value-of-a", b"att1.grant")
    assert values(machine) == {"launch": expected, "handed": expected}


def test_environment_files_of_projects_give_what_their_names_call_secret(machine: Facts) -> None:
    put(machine.paths.projects / "p003/work/.env", b"MODEL=tiny\nexport API_KEY='sk of mine'\n# TOKEN\n")
    assert values(machine) == {"projects": (b"sk of mine",)}


def test_of_a_private_key_its_numbers_and_its_lines_are_known() -> None:
    signing = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
    body = pem(signing, PrivateFormat.PKCS8).split(b"\n")[1]
    assert set(values_of(pem(signing, PrivateFormat.PKCS8))) == {SEED, body}
    assert SEED in set(values_of(pem(signing, PrivateFormat.OpenSSH)))
    curve = ec.generate_private_key(ec.SECP256R1())
    number = curve.private_numbers().private_value.to_bytes(32)
    assert number in set(values_of(pem(curve, PrivateFormat.PKCS8)))
    large = rsa.generate_private_key(65537, 1024)
    assert large.private_numbers().p.to_bytes(64) in set(values_of(pem(large, PrivateFormat.TraditionalOpenSSL)))


def test_a_certificate_beside_a_private_key_is_no_secret() -> None:
    signing = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
    public = signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert list(values_of(public)) == []
    assert set(values_of(public + pem(signing, PrivateFormat.PKCS8))) == set(
        values_of(pem(signing, PrivateFormat.PKCS8))
    )


def test_a_place_that_cannot_be_opened_is_named_and_the_others_are_read(machine: Facts) -> None:
    def sealed() -> Iterator[str]:
        yield "first"
        raise Unavailable("sealing_key_missing", "cannot use secrets: sealing-key is no key")

    put(machine.paths.secrets / "one", b"secret")
    found = {one.place: one for one in held(machine, [("database", sealed), ("models", lambda: ["of a model"])])}
    assert found["secrets"].values == (b"secret",)
    assert found["database"].values == (b"first",)
    assert found["database"].problem == "cannot use secrets: sealing-key is no key"
    assert found["models"].values == (b"of a model",)


def test_a_place_that_is_too_large_is_named(machine: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("att.diagnostics.held.FOLDERS_MAX", 2)
    for name in ("one", "two", "three"):
        put(machine.paths.secrets / name / "any", name.encode())
    secrets = next(one for one in held(machine) if one.place == "secrets")
    assert (len(secrets.values), secrets.problem.partition(" of ")[0]) == (1, "only 2")


def test_a_link_in_a_place_of_secrets_is_not_followed(machine: Facts, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", b"of somebody else")
    machine.paths.secrets.mkdir(parents=True)
    (machine.paths.secrets / "link").symlink_to(tmp_path / "elsewhere")
    assert values(machine) == {}
