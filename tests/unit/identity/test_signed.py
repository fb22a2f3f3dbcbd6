from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from att.identity.signed import is_signed, signed_caller
from att.kernel.operation import Caller, Role
from att.kernel.signed_token import sign

NOW = 1_800_000_000.0
LOCAL = {"purpose": "local", "exp": NOW + 300, "uid": 1000, "name": "operator", "role": "admin"}
GATE = {"purpose": "gate", "exp": NOW + 900}


def _key(folder: Path, name: str) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    (folder / name).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key


def test_an_operator_at_the_ssh_door_is_admin(tmp_path: Path) -> None:
    token = sign(_key(tmp_path, "local.pub"), LOCAL)
    assert is_signed(token)
    assert signed_caller(tmp_path, token, NOW) == Caller(
        id="local:1000", name="operator", role=Role.ADMIN, kind="person", door="ssh"
    )


def test_the_health_gate_may_nothing_by_role(tmp_path: Path) -> None:
    caller = signed_caller(tmp_path, sign(_key(tmp_path, "gate.pub"), GATE), NOW)
    assert caller is not None
    assert (caller.kind, caller.role) == ("gate", Role.ANYONE)


def test_each_key_is_good_for_its_own_purpose_only(tmp_path: Path) -> None:
    local, gate = _key(tmp_path, "local.pub"), _key(tmp_path, "gate.pub")
    assert signed_caller(tmp_path, sign(gate, LOCAL), NOW) is None
    assert signed_caller(tmp_path, sign(local, GATE), NOW) is None


@pytest.mark.parametrize(
    "claims",
    [
        {**LOCAL, "exp": NOW},
        {**LOCAL, "uid": "1000"},
        {**LOCAL, "name": ""},
        {**LOCAL, "name": 7},
        {**LOCAL, "role": "root"},
        {"purpose": "local", "exp": NOW + 1},
    ],
)
def test_expired_or_senseless_claims_are_nobody(tmp_path: Path, claims: dict[str, Any]) -> None:
    assert signed_caller(tmp_path, sign(_key(tmp_path, "local.pub"), claims), NOW) is None


def test_missing_broken_and_foreign_keys_let_nobody_in(tmp_path: Path) -> None:
    token = sign(Ed25519PrivateKey.generate(), LOCAL)
    assert signed_caller(tmp_path, token, NOW) is None
    (tmp_path / "local.pub").write_text("no key")
    assert signed_caller(tmp_path, token, NOW) is None
    other = generate_private_key(SECP256R1()).public_key()
    (tmp_path / "local.pub").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert signed_caller(tmp_path, token, NOW) is None
    assert not is_signed("att_" + "x" * 43)
