"""The engine's own copy of a bundle."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.kernel.errors import AttError
from att.upgrade import spool as spooling
from att.upgrade.decision import SPACE_MARGIN_BYTES
from att.upgrade.spool import spool

CONTENT = os.urandom(3 << 20)


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a.attb").write_bytes(CONTENT)
    fd = os.open(tmp_path / "a.attb", os.O_RDWR)
    yield fd
    os.close(fd)


def refused(fd: int, folder: Path, bytes_max: int = 1 << 30) -> str:
    """Return the code; whatever it is, nothing is left of the copy."""
    with pytest.raises(AttError) as caught:
        spool(fd, folder, bytes_max)
    assert not folder.exists() or list(folder.iterdir()) == []
    return caught.value.code


def test_a_copy_is_whole_and_roots_alone(bundle: int, tmp_path: Path) -> None:
    path, fd = spool(bundle, tmp_path / "spool", 1 << 30)
    os.close(fd)
    assert path.read_bytes() == CONTENT
    assert [oct(one.stat().st_mode & 0o777) for one in (path, path.parent)] == ["0o600", "0o700"]


def test_of_a_file_that_grows_while_it_is_copied_no_byte_is_taken_beyond_its_end(
    bundle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pread

    def growing(fd: int, size: int, offset: int) -> bytes:
        os.pwrite(bundle, CONTENT, os.fstat(bundle).st_size)
        return real(fd, size, offset)

    monkeypatch.setattr(os, "pread", growing)
    path, fd = spool(bundle, tmp_path / "spool", 1 << 30)
    os.close(fd)
    assert path.read_bytes() == CONTENT


def test_a_file_beyond_the_limit_is_refused(bundle: int, tmp_path: Path) -> None:
    assert refused(bundle, tmp_path / "spool", len(CONTENT) - 1) == "bundle_too_large"


def test_a_file_that_may_not_be_read_is_refused(bundle: int, tmp_path: Path) -> None:
    del bundle
    fd = os.open(tmp_path / "a.attb", os.O_WRONLY)
    assert refused(fd, tmp_path / "spool") == "bundle_unreadable"
    os.close(fd)


def test_room_to_end_a_transaction_stays_free(bundle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "free_bytes", lambda _path: len(CONTENT) + SPACE_MARGIN_BYTES - 1)
    assert refused(bundle, tmp_path / "spool") == "disk_full"


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "disk_read_only"), (errno.EIO, "disk_failed")],
)
def test_an_error_of_the_disk_has_its_own_code(
    bundle: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def failing(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    assert refused(bundle, tmp_path / "spool") == code
