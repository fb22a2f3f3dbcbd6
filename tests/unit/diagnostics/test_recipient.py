"""An encrypted bundle opens with the recipient's key and OpenSSL alone."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from att.diagnostics.recipient import encrypted, recipient
from att.kernel.errors import InvalidInput

DATA = b"\x1f\x8b\n\r\n the bundle \x00" * 50


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("support") / "key.pem"
    made = rsa.generate_private_key(65537, 2048)
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30).stdout


@pytest.mark.parametrize("form", ["public key", "certificate"])
def test_what_was_encrypted_opens_with_the_key_and_nothing_else(key: Path, form: str) -> None:
    made = {
        "public key": ("pkey", "-in", str(key), "-pubout"),
        "certificate": ("req", "-x509", "-key", str(key), "-subj", "/CN=support", "-days", "1"),
    }[form]
    sealed = key.with_name("diag.tar.gz.cms")
    sealed.write_bytes(encrypted(DATA, recipient(openssl(*made))))
    assert b"the bundle" not in sealed.read_bytes()
    told = ("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", str(key), "-in", str(sealed))
    assert openssl(*told) == DATA


def test_no_other_key_opens_it(key: Path, tmp_path: Path) -> None:
    sealed, other = tmp_path / "sealed", tmp_path / "other"
    sealed.write_bytes(encrypted(DATA, recipient(openssl("pkey", "-in", str(key), "-pubout"))))
    made = rsa.generate_private_key(65537, 2048)
    other.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    told = ("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", str(other), "-in", str(sealed))
    done = subprocess.run(["openssl", *told], check=False, capture_output=True, timeout=30)
    assert b"the bundle" not in done.stdout


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_what_is_no_rsa_key_of_enough_bits_is_refused_with_what_is_wanted() -> None:
    small = rsa.generate_private_key(65537, 1024)
    for pem, why in (
        (b"", "no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no PEM certificate"),
        (public(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (public(small), "has 1024 bits"),
    ):
        with pytest.raises(InvalidInput, match=why) as refused:
            recipient(pem)
        assert (refused.value.code, refused.value.field) == ("diag_recipient", "recipient")
