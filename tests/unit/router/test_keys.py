"""Keys that the API signs are taken by the router, until they expire, and no other."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from att.kernel.errors import AttError
from att.kernel.signed_token import sign
from att.router import auth
from att.router.auth import Gate
from att.router.errors import BadKey
from att.router.keys import KEY_FILE, RouterKeys, public_file

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def keys_in(folder: Path) -> tuple[RouterKeys, Gate, Clock]:
    (folder / "state").mkdir(exist_ok=True)
    loaded, clock = RouterKeys.load(folder / "state", folder / "run"), Clock()
    return RouterKeys(loaded._key, clock), Gate(public_file(folder / "run"), clock), clock


def test_a_projects_key_names_its_project_for_a_year(tmp_path: Path) -> None:
    keys, gate, clock = keys_in(tmp_path)
    header = f"Bearer {keys.for_project('prj_1')}"
    for _ in range(2):
        bearer = gate.bearer(header)
        assert (bearer.name, bearer.admin) == ("prj_1", False)
    clock.now += 366 * 86_400 + 1
    with pytest.raises(BadKey, match="expired"):
        gate.bearer(header)


def test_a_projects_key_with_a_user_is_good_for_that_user_alone_also_once_it_is_remembered(tmp_path: Path) -> None:
    keys, gate, _ = keys_in(tmp_path)
    header = f"Bearer {keys.for_project('prj_1', 20_001)}"
    for _ in range(2):
        assert gate.bearer(header, 20_001).name == "prj_1"
        for other in (20_002, 0, None):
            with pytest.raises(BadKey, match="another project's"):
                gate.bearer(header, other)
    everybody = f"Bearer {keys.for_person('ada', 2)}"
    assert gate.bearer(everybody, 20_001) == gate.bearer(everybody)


def test_a_persons_key_lasts_as_long_as_wished_and_the_admins_two_minutes(tmp_path: Path) -> None:
    keys, gate, clock = keys_in(tmp_path)
    person, admin = f"bearer  {keys.for_person('ada', 2)}", f"Bearer {keys.for_admin()}"
    assert gate.bearer(person).name == "ada"
    assert gate.bearer(admin).admin
    clock.now += 121
    with pytest.raises(BadKey):
        gate.bearer(admin)
    assert gate.bearer(person).name == "ada"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer nonsense", "Bearer att1.e30.e30"])
def test_what_is_no_key_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadKey) as told:
        keys_in(tmp_path)[1].bearer(header)
    assert told.value.status == 401


def test_a_key_for_another_purpose_or_of_another_signer_is_refused(tmp_path: Path) -> None:
    keys, gate, _ = keys_in(tmp_path)
    stranger = sign(Ed25519PrivateKey.generate(), {"purpose": "router", "exp": NOW + 60, "project": "prj_1"})
    local = sign(keys._key, {"purpose": "local", "exp": NOW + 60})
    for token in (stranger, local):
        with pytest.raises(BadKey):
            gate.bearer(f"Bearer {token}")


def test_without_a_public_half_nothing_is_taken_and_a_new_one_counts_at_once(tmp_path: Path) -> None:
    keys, gate, _ = keys_in(tmp_path)
    header, path = f"Bearer {keys.for_project('prj_1')}", public_file(tmp_path / "run")
    assert gate.open
    assert gate.bearer(header)
    pem = path.read_bytes()
    path.unlink()
    assert not gate.open
    with pytest.raises(BadKey):
        gate.bearer(header)
    for wrong in (b"nonsense", X25519PrivateKey.generate().public_key().public_bytes(*_PUBLIC)):
        path.write_bytes(wrong)
        assert not gate.open
    path.write_bytes(pem)
    os.utime(path, ns=(5, 5))
    assert gate.bearer(header)


_PUBLIC = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def test_the_remembered_keys_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_MAX", 2)
    keys, gate, _ = keys_in(tmp_path)
    for number in range(4):
        gate.bearer(f"Bearer {keys.for_project(f'prj_{number}')}")
    assert len(gate._known) == 2


def test_the_key_is_made_once_for_its_owner_alone_and_the_public_half_for_all(tmp_path: Path) -> None:
    keys, _, _ = keys_in(tmp_path)
    again, gate, _ = keys_in(tmp_path)
    assert gate.bearer(f"Bearer {keys.for_project('prj_1')}") == gate.bearer(f"Bearer {again.for_project('prj_1')}")
    assert stat.S_IMODE((tmp_path / "state" / KEY_FILE).stat().st_mode) == 0o400
    assert stat.S_IMODE(public_file(tmp_path / "run").stat().st_mode) == 0o444


def test_a_file_that_is_no_signing_key_is_told_not_replaced(tmp_path: Path) -> None:
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for wrong in (b"nonsense", other):
        (tmp_path / KEY_FILE).write_bytes(wrong)
        with pytest.raises(AttError) as told:
            RouterKeys.load(tmp_path, tmp_path / "run")
        assert told.value.code == "internal"
        assert (tmp_path / KEY_FILE).read_bytes() == wrong
