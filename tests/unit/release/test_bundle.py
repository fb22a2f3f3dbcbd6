"""Every kind of bundle that must be refused, each with its own code; and that honest ones unpack exactly."""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.archives import (
    CONTENT,
    KEY,
    LINKS,
    STRANGER,
    Parts,
    compressed,
    entry,
    machine,
    metadata_for,
    odd,
    trust_in,
)
from tests.fakes.hostile_bundles import FILES, LYING_TREES, MEMBERS

from att.appliance import Facts
from att.kernel.codes import CODES
from att.kernel.errors import AttError
from att.release.bundle import Bundle, open_bundle
from att.release.schema import METADATA, SIGNATURES
from att.release.trust import TrustRoot, keyid_of, sign_metadata
from att.release.writer import metadata_bytes

ROOT = TrustRoot(keys={keyid_of(KEY.public_key()): KEY.public_key()})


@pytest.fixture
def appliance(tmp_path: Path) -> Facts:
    return machine(tmp_path / "root")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def refused(path: Path, facts: Facts, trust: TrustRoot = ROOT) -> str:
    """Return the code with which the bundle is refused; the target's neighbours must stay untouched."""
    (path.parent / "stage").mkdir(exist_ok=True)
    target = Path(tempfile.mkdtemp(dir=path.parent / "stage")) / "target"
    with opened(path) as fd, pytest.raises(AttError) as caught:
        open_bundle(fd, trust, facts).unpack(target)
    outside = {found for found in path.parent.rglob("*") if target not in (found, *found.parents)}
    assert not [found for found in outside if found.name in ("victim", "evil")]
    assert caught.value.code in CODES
    return caught.value.code


def test_an_honest_bundle_unpacks_to_exactly_what_it_lists(appliance: Facts, tmp_path: Path) -> None:
    path = Parts.honest().write(tmp_path / "a.attb")
    told: list[tuple[int, int]] = []
    with opened(path) as fd:
        os.lseek(fd, 100, os.SEEK_SET)
        bundle = open_bundle(fd, ROOT, appliance)
        bundle.unpack(tmp_path / "release", lambda done, total: told.append((done, total)))
        assert os.lseek(fd, 0, os.SEEK_CUR) == 100
    release = tmp_path / "release"
    found = {file.relative_to(release).as_posix() for file in release.rglob("*") if file.is_symlink() or file.is_file()}
    assert found == {*CONTENT, *LINKS, METADATA, SIGNATURES}
    for name, content in CONTENT.items():
        assert (release / name).read_bytes() == content
        assert (release / name).stat().st_mode & 0o7777 == 0o444
        assert (release / name).stat().st_mtime == bundle.metadata.build_time.timestamp()
    assert {name: str((release / name).readlink()) for name in LINKS} == LINKS
    assert told[-1] == (bundle.metadata.size, bundle.metadata.size)
    assert not bundle.signers.local


def test_verify_checks_all_and_writes_nothing(appliance: Facts, tmp_path: Path) -> None:
    good = Parts.honest()
    bad = replace(good, members=[entry("files/console/index.html", b"<!doctype HTML>\n"), *good.members[1:]])
    with opened(good.write(tmp_path / "good.attb")) as fd:
        open_bundle(fd, ROOT, appliance).verify()
    with opened(bad.write(tmp_path / "bad.attb")) as fd, pytest.raises(AttError):
        open_bundle(fd, ROOT, appliance).verify()


LATER = ("bundle_member_repeated", "bundle_member_folds")


def listed(parts: Parts, name: str) -> int:
    return next(index for index, member in enumerate(parts.members) if name.encode() in member.head[:100])


@pytest.mark.parametrize("kind", MEMBERS)
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_a_hostile_member_is_refused_by_its_kind(appliance: Facts, tmp_path: Path, kind: str, last: bool) -> None:
    member, code = MEMBERS[kind]
    parts = Parts.honest()
    # A repetition shows at the second of the two.
    first = 1 + listed(parts, "files/console/index.html") if code in LATER else 0
    parts.members.insert(len(parts.members) if last else first, member)
    assert refused(parts.write(tmp_path / "a.attb"), appliance) == code


def test_a_link_is_never_written_through(appliance: Facts, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    parts = Parts.honest()
    parts.members = [
        odd("files/venv/x", tarfile.SYMTYPE, link="../../../outside"),
        entry("files/venv/x/victim", b"evil"),
        *parts.members,
    ]
    assert refused(parts.write(tmp_path / "a.attb"), appliance) == "bundle_member_link"
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("kind", LYING_TREES)
def test_a_signed_tree_that_leaves_itself_is_refused_before_anything_is_written(
    appliance: Facts, tmp_path: Path, kind: str
) -> None:
    content, links, code = LYING_TREES[kind]
    raw = metadata_bytes(metadata_for(content, links))
    path = Parts(raw, sign_metadata(raw, [KEY])).write(tmp_path / "a.attb")
    with opened(path) as fd, pytest.raises(AttError) as caught:
        open_bundle(fd, ROOT, appliance)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_bundle_is_refused(appliance: Facts, tmp_path: Path, kind: str) -> None:
    content, code = FILES[kind]
    (tmp_path / "a.attb").write_bytes(content())
    assert refused(tmp_path / "a.attb", appliance) == code


def test_a_frame_that_declares_more_than_the_appliance_takes_is_refused_at_once(
    appliance: Facts, tmp_path: Path
) -> None:
    small = replace(
        appliance, limits=replace(appliance.limits, release_bytes_max=1, metadata_bytes_max=1, release_files_max=1)
    )
    assert refused(Parts.honest().write(tmp_path / "a.attb"), small) == "bundle_bomb"


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("bundle_bytes_max", "bundle_too_large"),
        ("metadata_bytes_max", "metadata_too_large"),
        ("release_files_max", "bundle_too_large"),
        ("release_bytes_max", "bundle_too_large"),
    ],
)
def test_a_bundle_beyond_a_limit_is_refused(appliance: Facts, tmp_path: Path, limit: str, code: str) -> None:
    path = Parts.honest().write(tmp_path / "a.attb")
    limits = {"release_files_max": 3, "release_bytes_max": 1000, "metadata_bytes_max": 100, "bundle_bytes_max": 100}
    small = replace(appliance, limits=replace(appliance.limits, **{limit: limits[limit]}))
    assert refused(path, small) == code


def test_a_large_signature_file_is_refused(appliance: Facts, tmp_path: Path) -> None:
    parts = replace(Parts.honest(), signatures=b"[" + b" " * 20_000 + b"]")
    assert refused(parts.write(tmp_path / "a.attb"), appliance) == "metadata_too_large"


def test_what_is_no_regular_file_is_refused(appliance: Facts, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, Path("/dev/null")):
        with opened(path) as fd, pytest.raises(AttError) as caught:
            open_bundle(fd, ROOT, appliance)
        assert caught.value.code == "bundle_unreadable"
    fd = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(AttError) as caught:
            open_bundle(fd, ROOT, appliance)
    finally:
        os.close(fd)
    assert caught.value.code == "bundle_unreadable"


def test_a_closed_descriptor_is_unreadable(appliance: Facts) -> None:
    with pytest.raises(AttError) as caught:
        open_bundle(-1, ROOT, appliance)
    assert caught.value.code == "bundle_unreadable"


def test_a_bundle_cut_anywhere_is_refused(appliance: Facts, tmp_path: Path) -> None:
    whole = compressed(Parts.honest().stream())
    path = tmp_path / "a.attb"
    for length in [*range(0, 40), *range(40, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        code = refused(path, appliance)
        assert code in ("bundle_truncated", "bundle_damaged"), length


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    raw = bytearray(compressed(Parts.honest().stream()))
    raw[at % len(raw)] ^= 1 << bit
    (folder / "a.attb").write_bytes(raw)
    code = None
    try:
        with opened(folder / "a.attb") as fd:
            open_bundle(fd, ROOT, machine(folder / "root")).unpack(folder / "target")
    except AttError as error:
        code = error.code
    if code:
        assert code.startswith(("bundle_", "signature_"))
        return
    # zstd ignores a bit here and there (of its header, of padding); what is unpacked is what was signed all the same.
    assert {name: (folder / "target" / name).read_bytes() for name in CONTENT} == CONTENT


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_bit_flipped_before_compression_never_passes(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    stream = bytearray(Parts.honest().stream())
    at %= len(stream)
    stream[at] ^= 1 << bit
    (folder / "a.attb").write_bytes(compressed(bytes(stream)))
    code = refused(folder / "a.attb", machine(folder / "root"))
    assert code.startswith(("bundle_", "signature_"))


@given(st.binary(max_size=3000))
def test_noise_is_refused_and_never_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("noise")
    (folder / "a.attb").write_bytes(compressed(noise))
    refused(folder / "a.attb", machine(folder / "root"))


def test_a_member_that_differs_from_its_listing_is_refused(appliance: Facts, tmp_path: Path) -> None:
    index = "files/console/index.html"
    for change, code in (
        (entry(index, b"<!doctype HTML>\n"), "bundle_file_mismatch"),
        (entry(index, b"<!doctype html>\n\n"), "bundle_file_mismatch"),
        (entry(index, CONTENT["console/index.html"], mode=0o555), "bundle_file_mode"),
        (entry(index, link="LICENSE"), "bundle_member_link"),
        (None, "bundle_file_missing"),
    ):
        parts = Parts.honest()
        parts.members[listed(parts, index) : listed(parts, index) + 1] = [change] if change else []
        assert refused(parts.write(tmp_path / f"{code}.attb"), appliance) == code


def test_a_link_that_differs_from_its_listing_is_refused(appliance: Facts, tmp_path: Path) -> None:
    for change in (entry("files/venv/lib64", link="bin"), entry("files/venv/lib64", b"lib")):
        parts = Parts.honest()
        parts.members[listed(parts, "files/venv/lib64")] = change
        assert refused(parts.write(tmp_path / "a.attb"), appliance) == "bundle_member_link"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"product": "other"}, "bundle_product"),
        ({"compatible": "att-cluster"}, "bundle_product"),
        ({"architecture": "aarch64"}, "bundle_architecture"),
        ({"size": 5}, "metadata_invalid"),
    ],
)
def test_a_bundle_for_something_else_is_refused(
    appliance: Facts, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    assert refused(Parts.honest(**changes).write(tmp_path / "a.attb"), appliance) == code


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'{"version": "0.1.0"}',
        b'{"format": 1, "format": 1}',
        b"[" * 100_000,
        metadata_bytes(metadata_for()).replace(b'"size": ', b'"surprise": 1, "size": ', 1),
        metadata_bytes(metadata_for()).replace(b'"0444"', b'"4755"', 1),
        metadata_bytes(metadata_for()).replace(b'"0.1.0.dev7+g0123abcde"', b'"../../etc"'),
        metadata_bytes(metadata_for()).replace(b">=0.1.0.dev0", b"~=0.1"),
        b"\xff\xfe",
    ],
)
def test_signed_metadata_that_does_not_fit_is_refused(appliance: Facts, tmp_path: Path, raw: bytes) -> None:
    path = Parts(raw, sign_metadata(raw, [KEY])).write(tmp_path / "a.attb")
    assert refused(path, appliance) == "metadata_invalid"


def test_a_bundle_without_signature_is_refused(appliance: Facts, tmp_path: Path) -> None:
    parts = Parts.honest()
    assert refused(replace(parts, signatures=b"[]").write(tmp_path / "a.attb"), appliance) == "bundle_unsigned"
    stream = entry(METADATA, parts.metadata).raw + b"".join(one.raw for one in parts.members) + bytes(1024)
    (tmp_path / "b.attb").write_bytes(compressed(stream))
    assert refused(tmp_path / "b.attb", appliance) == "bundle_unsigned"


def test_a_bundle_signed_by_a_stranger_is_refused(appliance: Facts, tmp_path: Path) -> None:
    path = Parts.honest(keys=[STRANGER]).write(tmp_path / "a.attb")
    assert refused(path, appliance) == "signature_wrong"
    assert refused(path, appliance, trust_in()) == "signature_wrong"


def test_a_bundle_signed_below_the_threshold_is_refused(appliance: Facts, tmp_path: Path) -> None:
    trust = trust_in(KEY, STRANGER, threshold=2)
    assert refused(Parts.honest().write(tmp_path / "a.attb"), appliance, trust) == "signature_threshold"
    with opened(Parts.honest(keys=[KEY, STRANGER]).write(tmp_path / "b.attb")) as fd:
        assert isinstance(open_bundle(fd, trust, appliance), Bundle)


def test_a_file_swapped_after_it_was_checked_is_refused(appliance: Facts, tmp_path: Path) -> None:
    path = Parts.honest().write(tmp_path / "a.attb")
    other = Parts.honest(version="0.1.0.dev8+gffffffff0")
    with opened(path) as fd:
        bundle = open_bundle(fd, ROOT, appliance)
        other.write(path)
        with pytest.raises(AttError) as caught:
            bundle.unpack(tmp_path / "target")
    assert caught.value.code == "bundle_changed"


def test_a_file_replaced_by_name_after_it_was_checked_changes_nothing(appliance: Facts, tmp_path: Path) -> None:
    path = Parts.honest().write(tmp_path / "a.attb")
    with opened(path) as fd:
        bundle = open_bundle(fd, ROOT, appliance)
        (tmp_path / "evil.attb").write_bytes(b"evil")
        (tmp_path / "evil.attb").replace(path)
        bundle.unpack(tmp_path / "target")
    assert (tmp_path / "target" / "LICENSE").read_bytes() == CONTENT["LICENSE"]


def test_a_target_that_exists_is_not_written_into(appliance: Facts, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with opened(Parts.honest().write(tmp_path / "a.attb")) as fd, pytest.raises(AttError) as caught:
        open_bundle(fd, ROOT, appliance).unpack(tmp_path / "target")
    assert caught.value.code == "disk_failed"
    assert not list((tmp_path / "target").iterdir())
