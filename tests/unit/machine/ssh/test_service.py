"""The keys of a user on a folder, with keys that ssh-keygen made."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.where import ON_APPLIANCE

from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, NotFound, Refused
from att.machine.ssh.service import BYTES_MAX, KEYS_MAX, Account, SshKeyService
from att.machine.ssh.world import SshKeygen, account_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Public keys by kind, made by ssh-keygen itself."""
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    kinds = {"ann": ("ed25519",), "bea": ("ecdsa", "-b", "384"), "weak": ("rsa", "-b", "1024"), "cat": ("ed25519",)}
    for name, kind in kinds.items():
        command = ["ssh-keygen", "-q", "-t", *kind, "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=30)
        found[name] = (folder / f"{name}.pub").read_text()
    found["private"] = (folder / "ann").read_text()
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def keys(home: Path) -> SshKeyService:
    return SshKeyService(Account("operator", home), SshKeygen())


def file(home: Path) -> Path:
    return home / ".ssh/authorized_keys"


def test_the_first_key_makes_folder_and_file_that_sshd_trusts(
    keys: SshKeyService, home: Path, made: dict[str, str]
) -> None:
    done = keys.add(made["ann"], None)
    assert (done.changed, done.left, [one.comment for one in done.items]) == (True, 1, ["ann"])
    assert stat.S_IMODE((home / ".ssh").stat().st_mode) == 0o700
    assert stat.S_IMODE(file(home).stat().st_mode) == 0o600
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(file(home))], capture_output=True, text=True, check=True)
    assert done.items[0].fingerprint in said.stdout


def test_what_cloud_init_and_people_wrote_stays_byte_for_byte(
    keys: SshKeyService, home: Path, made: dict[str, str]
) -> None:
    theirs = b"# cloud-init\nno-pty " + made["bea"].encode() + b"\xff odd \x00 line\n"
    (home / ".ssh").mkdir()
    file(home).write_bytes(theirs)
    keys.add(made["ann"], "Ann, new")
    assert file(home).read_bytes().startswith(theirs)
    assert [(one.comment, one.options) for one in keys.show().items] == [("bea", "no-pty"), ("Ann, new", "")]
    assert keys.strange() == 1
    keys.remove("Ann, new", last=False)
    assert file(home).read_bytes() == theirs


def test_a_key_that_is_there_already_changes_nothing(keys: SshKeyService, home: Path, made: dict[str, str]) -> None:
    keys.add(made["ann"], None)
    before = file(home).stat().st_ino
    again = keys.add(made["ann"], "another")
    assert (again.changed, again.items, again.left) == (False, [], 1)
    assert file(home).stat().st_ino == before


def test_several_keys_are_added_together_or_not_at_all(keys: SshKeyService, made: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        keys.add(made["ann"] + made["weak"], None)
    assert keys.show().items == []
    assert keys.add(f"# mine\n{made['ann']}\n{made['bea']}", None).left == 2


def refusal(keys: SshKeyService, text: str, comment: str | None = None) -> AttError:
    with pytest.raises(InvalidInput) as refused:
        keys.add(text, comment)
    return refused.value


def test_what_opens_no_door_is_refused(keys: SshKeyService, made: dict[str, str]) -> None:
    private = refusal(keys, made["private"])
    assert (private.code, "stay where it is" in private.detail) == ("ssh_key_unreadable", True)
    assert not [line for line in made["private"].splitlines()[1:-1] if line in private.detail + private.hint]
    assert refusal(keys, made["weak"]).code == "ssh_key_weak"
    cut = " ".join([made["ann"].split()[0], made["ann"].split()[1][:40]])
    for text in ("", "hello", "no-pty " + made["ann"], cut, made["ann"].strip() + "\x1b[2J"):
        assert refusal(keys, text).code == "ssh_key_unreadable", text
    assert refusal(keys, made["ann"] * (KEYS_MAX + 1)).code == "ssh_key_unreadable"
    assert refusal(keys, made["ann"], "two\nlines").field == "comment"


def test_the_last_key_stays_unless_it_is_said(keys: SshKeyService, home: Path, made: dict[str, str]) -> None:
    keys.add(made["ann"] + made["bea"], None)
    assert keys.remove("bea", last=False).left == 1
    before = file(home).read_bytes()
    with pytest.raises(Refused) as refused:
        keys.remove("ann", last=False)
    assert (refused.value.code, file(home).read_bytes()) == ("ssh_key_last", before)
    done = keys.remove("ann", last=True)
    assert (done.left, file(home).read_bytes()) == (0, b"")


def test_a_key_is_named_so_that_one_is_meant(keys: SshKeyService, made: dict[str, str]) -> None:
    keys.add(made["ann"], "us")
    keys.add(made["cat"], "us")
    with pytest.raises(Conflict):
        keys.remove("us", last=False)
    with pytest.raises(NotFound):
        keys.remove("nobody", last=False)
    assert keys.remove(keys.show().items[1].fingerprint, last=False).left == 1


def test_a_file_that_is_none_is_left_alone(keys: SshKeyService, home: Path, made: dict[str, str]) -> None:
    (home / ".ssh").mkdir()
    (home / "elsewhere").write_text("")
    file(home).symlink_to(home / "elsewhere")
    with pytest.raises(Failed, match="no plain file"):
        keys.add(made["ann"], None)
    file(home).unlink()
    file(home).write_bytes(b"\n" * (BYTES_MAX + 1))
    with pytest.raises(Failed, match="larger"):
        keys.show()


@pytest.mark.skipif(ON_APPLIANCE, reason="a sandbox changes no owners")
def test_files_belong_to_the_user_from_the_first_moment(tmp_path: Path, made: dict[str, str]) -> None:
    me = (os.getuid(), os.getgid())
    SshKeyService(Account("me", tmp_path, me), SshKeygen()).add(made["ann"], None)
    assert (file(tmp_path).stat().st_uid, file(tmp_path).stat().st_gid) == me


def test_a_user_of_the_machine_is_found_and_a_stranger_is_told() -> None:
    assert account_of("root").home == Path("/root")
    with pytest.raises(Failed, match="no such user"):
        account_of("nobody-at-all")
