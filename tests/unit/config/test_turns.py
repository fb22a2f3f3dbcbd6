"""Who writes in a folder of root's, and how long another waits for it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from att.appliance import facts
from att.config import turns
from att.config.store import apply
from att.config.turns import folder_turn
from att.kernel.errors import Conflict
from att.machine.network.service import NetworkService
from att.machine.network.world import Networkd
from att.machine.ssh.service import Account, SshKeyService
from att.machine.ssh.world import SshKeygen


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """Somebody who may read the folder holds its lock."""
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    yield handle
    os.close(handle)


def test_a_writer_waits_until_the_other_is_done(tmp_path: Path, held: int) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            fcntl.flock(held, fcntl.LOCK_UN)

    with folder_turn(tmp_path, "write", lambda: 0.0, sleep):
        assert len(slept) == 3


@pytest.mark.usefixtures("held")
def test_a_lock_that_is_never_given_back_ends_the_wait_with_what_to_do(tmp_path: Path) -> None:
    clock = [100.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with pytest.raises(Conflict, match="cannot write: another process") as refused:
        folder_turn(tmp_path, "write", lambda: clock[0], sleep).__enter__()
    assert (refused.value.code, "lslocks" in refused.value.hint) == ("change_running", True)
    assert 30 <= clock[0] - 100 < 31


def settings(folder: Path) -> None:
    apply("disk:\n  warn_percent: 80\n", facts().rooted(folder), "ssh")


def network(folder: Path) -> None:
    here = facts().rooted(folder)
    NetworkService(here, Networkd(here)).revert()


def ssh_keys(folder: Path) -> None:
    SshKeyService(Account("operator", folder), SshKeygen()).remove("SHA256:x", last=False)


@pytest.mark.parametrize(("write", "where"), [(settings, "etc/att"), (network, "etc/att"), (ssh_keys, ".ssh")])
def test_no_writer_waits_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], where: str
) -> None:
    monkeypatch.setattr(turns, "SECONDS_MAX", 0.0)
    folder = tmp_path / where
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        with pytest.raises(Conflict) as refused:
            write(tmp_path)
    finally:
        os.close(handle)
    assert refused.value.code == "change_running"
