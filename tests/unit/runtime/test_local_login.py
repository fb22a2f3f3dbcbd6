"""The tokens of the local door and the key that signs them."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from att.kernel.errors import Failed, Forbidden
from att.kernel.signed_token import TokenInvalid, verify
from att.runtime.decision import OPERATORS, Person
from att.runtime.local_login import TOKEN_SECONDS, LocalLogin, load_key, person_of_machine, publish

NOW = 1_800_000_000.0
PEOPLE = {
    0: Person(0, "root", frozenset({"root"})),
    1000: Person(1000, "operator", frozenset({OPERATORS})),
    940: Person(940, "att", frozenset({"att"})),
}


def login(key: Ed25519PrivateKey) -> LocalLogin:
    return LocalLogin(key, person=PEOPLE.get, now=lambda: NOW)


@pytest.mark.parametrize("uid", [0, 1000])
def test_an_operator_gets_an_admin_token_for_five_minutes(uid: int) -> None:
    key = Ed25519PrivateKey.generate()
    answer = login(key).token(uid)
    token = str(answer["token"])
    claims = verify(key.public_key(), token, purpose="local", now=NOW + TOKEN_SECONDS - 1)
    assert claims == {
        "purpose": "local",
        "exp": answer["expires"],
        "uid": uid,
        "name": PEOPLE[uid].name,
        "role": "admin",
    }
    with pytest.raises(TokenInvalid, match="expired"):
        verify(key.public_key(), token, purpose="local", now=NOW + TOKEN_SECONDS)


@pytest.mark.parametrize("uid", [940, 65534])
def test_others_get_no_token(uid: int) -> None:
    with pytest.raises(Forbidden, match="cannot log in at the local door") as caught:
        login(Ed25519PrivateKey.generate()).token(uid)
    assert caught.value.code == "not_allowed"


def test_the_key_is_made_once_and_readable_by_root_alone(tmp_path: Path) -> None:
    first = load_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "local.key").stat().st_mode) == 0o400
    again = load_key(tmp_path)
    assert first.private_bytes_raw() == again.private_bytes_raw()


def test_the_public_half_is_where_the_api_looks(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    publish(key, tmp_path)
    loaded = load_pem_public_key((tmp_path / "local.pub").read_bytes())
    assert isinstance(loaded, Ed25519PublicKey)
    assert loaded.public_bytes_raw() == key.public_key().public_bytes_raw()
    assert stat.S_IMODE((tmp_path / "local.pub").stat().st_mode) == 0o444


def test_a_damaged_key_stops_the_launcher_instead_of_being_replaced(tmp_path: Path) -> None:
    (tmp_path / "local.key").write_text("torn")
    with pytest.raises(Failed, match="cannot read the key"):
        load_key(tmp_path)
    assert (tmp_path / "local.key").read_text() == "torn"


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    foreign = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "local.key").write_bytes(foreign)
    with pytest.raises(Failed, match="no Ed25519 key"):
        load_key(tmp_path)


def test_root_is_found_in_the_machines_own_user_database() -> None:
    person = person_of_machine(0)
    assert person is not None
    assert person.name == "root"
    assert "root" in person.groups


def test_a_uid_without_an_entry_is_nobody() -> None:
    assert person_of_machine(4_000_000_000) is None
