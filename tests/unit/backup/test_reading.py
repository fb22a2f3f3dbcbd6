"""The file as a whole: any byte flipped, any length cut, another's signature: refused, and nothing is touched."""

import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.backup.appliance import MADE, Home

from att.backup import age, archive, reading, recovery_key
from att.backup.entry import Entry
from att.backup.recovery_key import RecoveryKey
from att.backup.schema import Manifest
from att.kernel.errors import AttError

Taken = tuple[Home, RecoveryKey, int]
KEY = RecoveryKey(bytes(range(32)))
MANIFEST = Manifest(
    product="att-appliance", appliance="att-1", made=MADE, release="1.0.0", schema_version=1, min_reader=1, bytes=9
)


def read(data: bytes, folder: Path, key: RecoveryKey = KEY) -> reading.Contents:
    path = folder / "file"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return reading.read(fd, key)
    finally:
        os.close(fd)


def written(*members: Entry, signed: bool = True, signer: RecoveryKey = KEY, after: tuple[Entry, ...] = ()) -> bytes:
    sink = io.BytesIO()
    writer = archive.Writer(sink, KEY.secret)
    writer.text(archive.MANIFEST, MANIFEST.model_dump_json().encode())
    for member in members:
        writer.add(member, [b"x" * member.size])
    if signed:
        told = recovery_key.statement(writer.digest.hex, Ed25519PrivateKey.generate(), signer)
        writer.text(archive.STATEMENT, told.model_dump_json().encode())
    for member in after:
        writer.add(member)
    writer.close()
    return sink.getvalue()


FILE = Entry("config/att.yaml", "file", 0o644, "root", "root", 5)


def refused(data: bytes, folder: Path) -> str:
    with pytest.raises(AttError) as error:
        read(data, folder)
    return error.value.code


def test_a_whole_file_is_counted_part_by_part(tmp_path: Path) -> None:
    found = read(written(FILE, Entry("config/link", "link", 0o777, "root", "root", target="x")), tmp_path)
    (part,) = found.listed()
    assert (part.name, part.files, part.bytes) == ("config", 1, 5)
    assert len(found.signed_by) == 64


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_backup_with_any_byte_flipped_is_refused_and_nothing_is_touched(taken: Taken, draw: st.DataObject) -> None:
    home, key, fd = taken
    whole = bytearray(os.pread(fd, os.fstat(fd).st_size, 0))
    place = draw.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << draw.draw(st.integers(0, 7))
    before = home.seen()
    path = home.root / "damaged"
    path.write_bytes(whole)
    with path.open("rb") as file, pytest.raises(AttError) as error:
        home.restoring().check(file.fileno(), key)
    assert error.value.code in ("backup_damaged", "backup_foreign", "backup_key_wrong")
    assert (home.seen(), home.asked) == (before, [])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_backup_that_is_cut_anywhere_is_refused(taken: Taken, draw: st.DataObject) -> None:
    home, key, fd = taken
    whole = os.pread(fd, os.fstat(fd).st_size, 0)
    path = home.root / "cut"
    path.write_bytes(whole[: draw.draw(st.integers(0, len(whole) - 1))])
    with path.open("rb") as file, pytest.raises(AttError) as error:
        reading.read(file.fileno(), key)
    assert error.value.code in ("backup_damaged", "backup_foreign")


def test_who_knows_the_public_half_alone_makes_no_backup_that_passes(tmp_path: Path) -> None:
    assert refused(written(FILE, signer=RecoveryKey(bytes(32))), tmp_path) == "backup_origin"


def test_a_statement_of_another_backup_is_refused(tmp_path: Path) -> None:
    sink = io.BytesIO()
    writer = archive.Writer(sink, KEY.secret)
    writer.text(archive.MANIFEST, MANIFEST.model_dump_json().encode())
    told = recovery_key.statement(writer.digest.hex, Ed25519PrivateKey.generate(), KEY)
    writer.add(FILE, [b"hello"])
    writer.text(archive.STATEMENT, told.model_dump_json().encode())
    writer.close()
    assert refused(sink.getvalue(), tmp_path) == "backup_origin"


def test_without_a_statement_or_with_something_after_it_a_file_is_refused(tmp_path: Path) -> None:
    assert refused(written(FILE, signed=False), tmp_path) == "backup_damaged"
    assert refused(written(FILE, after=(FILE,)), tmp_path) == "backup_damaged"


@pytest.mark.parametrize("name", ["other/file", "/etc/passwd", "..", "manifest.json"])
def test_a_member_of_no_part_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(written(Entry(name, "file", 0o644, "root", "root")), tmp_path) == "backup_damaged"


def packed(plain: bytes) -> bytes:
    sink = io.BytesIO()
    writer = age.Writer(sink, KEY.secret)
    writer.write(zstandard.compress(plain))
    writer.close()
    return sink.getvalue()


def tarred(*infos: tarfile.TarInfo) -> bytes:
    return b"".join(info.tobuf(tarfile.PAX_FORMAT) for info in infos) + bytes(1024)


def test_a_device_a_huge_header_or_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    device = tarfile.TarInfo("config/null")
    device.type = tarfile.CHRTYPE
    huge = tarfile.TarInfo("x")
    huge.type, huge.size = tarfile.XHDTYPE, 1 << 33
    for plain in (tarred(device), tarred(huge), b"no tar", b"", bytes(10240)):
        assert refused(packed(plain), tmp_path) in ("backup_damaged", "backup_foreign")


def test_a_format_of_a_later_release_is_told_as_such(tmp_path: Path) -> None:
    sink = io.BytesIO()
    writer = archive.Writer(sink, KEY.secret)
    writer.text(archive.MANIFEST, MANIFEST.model_dump_json().replace('"format":1', '"format":2').encode())
    writer.close()
    assert refused(sink.getvalue(), tmp_path) == "backup_too_new"


def test_plain_tools_read_what_is_in_it(tmp_path: Path) -> None:
    plain = io.BufferedReader(age.Reader(io.BytesIO(written(FILE)), KEY.secret))
    with zstandard.ZstdDecompressor().stream_reader(plain) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        assert [one.name for one in tar] == ["manifest.json", "config/att.yaml", "statement.json"]
