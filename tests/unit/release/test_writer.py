import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.archives import CONTENT, KEY, LINKS, compressed, machine, metadata_for, trust_in

from att.release.archive import Archive
from att.release.bundle import open_bundle
from att.release.schema import DatabaseSchema, File, Link, Step
from att.release.trust import sign_metadata
from att.release.writer import describe, header, metadata_bytes, pack, total_size


def lay(root: Path) -> Path:
    for path, content in CONTENT.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        (root / path).chmod(0o644)
    for path, target in LINKS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    return root


def packed(root: Path, output: Path) -> bytes:
    files = describe(root)
    raw = metadata_bytes(metadata_for(files=files, size=total_size(files)))
    pack(root, raw, sign_metadata(raw, [KEY]), output)
    return output.read_bytes()


def test_one_folder_in_two_places_packs_to_the_same_bytes(tmp_path: Path) -> None:
    one = packed(lay(tmp_path / "one"), tmp_path / "one.attb")
    other = packed(lay(tmp_path / "deep" / "other"), tmp_path / "other.attb")
    assert one == other


def test_what_is_packed_can_be_opened_and_any_tar_reads_it(tmp_path: Path) -> None:
    raw = packed(lay(tmp_path / "one"), tmp_path / "one.attb")
    fd = os.open(tmp_path / "one.attb", os.O_RDONLY)
    try:
        open_bundle(fd, trust_in(KEY), machine(tmp_path / "root")).verify()
    finally:
        os.close(fd)
    with tarfile.open(fileobj=BytesIO(zstandard.decompress(raw))) as archive:
        names = archive.getnames()
    assert names[:2] == ["metadata.json", "metadata.sig"]
    assert names[-2:] == ["LICENSE", "sbom.json"]
    assert names[2:-2] == sorted(names[2:-2])


def test_modes_are_read_only_and_executable_or_not(tmp_path: Path) -> None:
    root = lay(tmp_path / "one")
    (root / "LICENSE").chmod(0o700)
    (root / "sbom.json").chmod(0o666)
    found = describe(root)
    modes = {path: entry.mode for path, entry in found.items() if isinstance(entry, File)}
    assert modes["LICENSE"] == "0555"
    assert modes["sbom.json"] == "0444"


def test_what_is_neither_file_nor_link_cannot_be_described(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="neither file"):
        describe(tmp_path)


def test_a_file_that_changes_while_it_is_packed_stops_the_build(tmp_path: Path) -> None:
    root = lay(tmp_path / "one")
    files = describe(root)
    raw = metadata_bytes(metadata_for(files=files, size=total_size(files)))
    (root / "LICENSE").write_bytes(b"longer than it was\n")
    with pytest.raises(ValueError, match="changed while"):
        pack(root, raw, b"[]", tmp_path / "a.attb")


@pytest.mark.parametrize("name", ["x" * 101, "a/" + "x" * 101, "a" * 160 + "/x"])
def test_a_name_that_no_plain_header_holds_cannot_be_packed(name: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        header(name, mode=0o444, size=0, mtime=0)


def test_a_link_target_that_no_plain_header_holds_cannot_be_packed() -> None:
    with pytest.raises(ValueError, match="link target"):
        header("a", mode=0o777, size=0, mtime=0, link="x" * 101)


NAMES = st.lists(
    st.text("abcXYZ019_.-é", min_size=1, max_size=60).filter(lambda part: part.strip(".")), min_size=1, max_size=4
)


@given(parts=NAMES, content=st.binary(max_size=2000))
def test_a_header_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], content: bytes
) -> None:
    name = "/".join(parts)
    try:
        head = header(name, mode=0o444, size=len(content), mtime=7)
    except ValueError:
        return
    path = tmp_path_factory.mktemp("head") / "a"
    path.write_bytes(compressed(head + content + bytes(-len(content) % 512) + bytes(1024)))
    fd = os.open(path, os.O_RDONLY)
    try:
        archive = Archive(fd, file_bytes_max=1 << 20, stream_bytes_max=1 << 20)
        members = archive.members()
        member = next(members)
        assert (member.name, member.mode, member.size, member.link) == (name, 0o444, len(content), None)
        assert b"".join(archive.content(member)) == content
        assert next(members, None) is None
    finally:
        os.close(fd)


def test_the_strongest_migration_ahead_gives_the_class() -> None:
    steps = (
        Step(version=1, min_reader=1, change="additive"),
        Step(version=2, min_reader=2, change="breaking"),
        Step(version=3, min_reader=2, change="additive"),
    )
    schema = DatabaseSchema(version=3, min_reader=2, change="additive", steps=steps)
    assert [schema.change_from(version) for version in (0, 1, 2, 3)] == ["breaking", "breaking", "additive", "none"]


def test_the_listing_tells_files_from_links() -> None:
    metadata = metadata_for()
    assert metadata.regular().keys() == CONTENT.keys()
    assert metadata.links() == LINKS
    assert all(isinstance(one, File | Link) for one in metadata.files.values())
