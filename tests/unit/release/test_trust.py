import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.archives import KEY, STRANGER, machine, pem_of, trust_in

from att.kernel.errors import AttError, Failed, InvalidInput, Refused
from att.release.trust import TrustRoot, check_signatures, keyid_of, load_signing_key, load_trust, sign_metadata

RAW = b'{"format": 1}\n'
KEYID = keyid_of(KEY.public_key())


def refusal(trust: TrustRoot, signatures: bytes) -> str:
    with pytest.raises(Refused) as caught:
        check_signatures(trust, RAW, signatures)
    return caught.value.code


def test_a_signature_of_a_trusted_key_holds() -> None:
    signers = check_signatures(trust_in(KEY), RAW, sign_metadata(RAW, [KEY]))
    assert signers.keyids == (KEYID,)
    assert not signers.local


def test_a_signature_of_the_appliances_own_key_is_marked_local() -> None:
    trust = TrustRoot(keys={}, local=trust_in(KEY).keys)
    assert check_signatures(trust, RAW, sign_metadata(RAW, [KEY])).local


def test_a_bundle_signed_by_both_roots_is_not_local() -> None:
    trust = TrustRoot(keys=trust_in(KEY).keys, local=trust_in(STRANGER).keys)
    assert not check_signatures(trust, RAW, sign_metadata(RAW, [KEY, STRANGER])).local


def test_the_appliances_own_key_does_not_help_the_image_keys_over_the_threshold() -> None:
    trust = TrustRoot(keys=trust_in(KEY).keys, local=trust_in(STRANGER).keys, threshold=2)
    assert check_signatures(trust, RAW, sign_metadata(RAW, [KEY, STRANGER])).local


def test_one_key_that_signs_twice_counts_once() -> None:
    signatures = json.loads(sign_metadata(RAW, [KEY])) * 2
    assert refusal(trust_in(KEY, STRANGER, threshold=2), json.dumps(signatures).encode()) == "signature_threshold"


def test_a_revoked_key_counts_no_more() -> None:
    trust = trust_in(KEY, STRANGER, revoked=frozenset({KEYID}))
    assert refusal(trust, sign_metadata(RAW, [KEY])) == "key_revoked"
    assert check_signatures(trust, RAW, sign_metadata(RAW, [KEY, STRANGER])).keyids == (
        keyid_of(STRANGER.public_key()),
    )


def test_a_signature_of_other_metadata_is_broken() -> None:
    assert refusal(trust_in(KEY), sign_metadata(RAW + b" ", [KEY])) == "signature_broken"


def test_a_broken_signature_spoils_a_good_one_beside_it() -> None:
    signatures = json.loads(sign_metadata(RAW, [KEY])) + json.loads(sign_metadata(b"other", [STRANGER]))
    assert refusal(trust_in(KEY, STRANGER), json.dumps(signatures).encode()) == "signature_broken"


def test_a_strangers_signature_beside_a_trusted_one_is_ignored() -> None:
    assert check_signatures(trust_in(KEY), RAW, sign_metadata(RAW, [KEY, STRANGER])).keyids == (KEYID,)


def test_a_stranger_who_uses_a_trusted_key_id_is_refused() -> None:
    forged = [{"keyid": KEYID, "sig": base64.b64encode(STRANGER.sign(RAW)).decode()}]
    assert refusal(trust_in(KEY), json.dumps(forged).encode()) == "signature_broken"


@pytest.mark.parametrize(
    "signatures",
    [
        b"",
        b"{}",
        b"null",
        b"[1]",
        b'[{"keyid": "a"}]',
        b'[{"keyid": "a", "sig": "!"}]',
        b"[" * 50_000,
        b"\xff",
        json.dumps([{"keyid": "a", "sig": ""}] * 17).encode(),
    ],
)
def test_signatures_that_cannot_be_read_are_damaged(signatures: bytes) -> None:
    assert refusal(trust_in(KEY), signatures) == "bundle_damaged"


@given(st.binary(max_size=400))
def test_noise_never_counts_as_a_signature(noise: bytes) -> None:
    assert refusal(trust_in(KEY), noise) in {"bundle_damaged", "bundle_unsigned"}


def test_the_trust_root_is_read_from_the_images_folder(tmp_path: Path) -> None:
    facts = machine(tmp_path, KEY)
    (facts.paths.trust / "trust.toml").write_text(f'threshold = 2\nrevoked = ["{"0" * 64}"]\n')
    facts.paths.local_trust.mkdir(parents=True)
    (facts.paths.local_trust / "own.pem").write_bytes(pem_of(STRANGER))
    (facts.paths.local_trust / "signing.pem").write_bytes(
        STRANGER.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    trust = load_trust(facts)
    assert set(trust.keys) == {KEYID}
    assert set(trust.local) == {keyid_of(STRANGER.public_key())}
    assert (trust.threshold, trust.revoked) == (2, frozenset({"0" * 64}))


def test_a_machine_without_trust_root_trusts_nobody(tmp_path: Path) -> None:
    facts = machine(tmp_path, KEY)
    (facts.paths.trust / "0.pem").unlink()
    assert not load_trust(facts).keys


@pytest.mark.parametrize(
    "text",
    [
        "threshold = 0",
        "threshold = true",
        'threshold = "1"',
        "revoked = 1",
        "revoked = [1]",
        "other = 1",
        "threshold =",
    ],
)
def test_a_trust_table_that_does_not_fit_stops_everything(tmp_path: Path, text: str) -> None:
    facts = machine(tmp_path, KEY)
    (facts.paths.trust / "trust.toml").write_text(text)
    with pytest.raises(Failed) as caught:
        load_trust(facts)
    assert caught.value.code == "trust_unreadable"


def test_a_key_that_is_none_stops_everything(tmp_path: Path) -> None:
    facts = machine(tmp_path, KEY)
    other = generate_private_key(SECP256R1()).public_key()
    for content in (b"hello", other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        (facts.paths.trust / "0.pem").write_bytes(content)
        with pytest.raises(AttError) as caught:
            load_trust(facts)
        assert caught.value.code == "trust_unreadable"


def test_a_signing_key_is_read_from_pem(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert keyid_of(load_signing_key(path).public_key()) == KEYID


def test_a_signing_key_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (None, b"hello", other):
        if content:
            path.write_bytes(content)
        with pytest.raises(InvalidInput):
            load_signing_key(path)
