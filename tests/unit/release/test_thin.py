"""Thin bundles: what they leave out comes from the installed releases, checked like everything else."""

import os
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.archives import CONTENT, KEY, LINKS, Parts, machine, metadata_for, trust_in

from att.appliance import Facts
from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.install import install
from att.release.installed import verify_release
from att.release.schema import METADATA
from att.release.trust import sign_metadata
from att.release.writer import describe, metadata_bytes, pack, total_size

NEWER = "0.2.0"
CHANGED = {**CONTENT, "console/index.html": b"<!doctype html>\n<p>newer\n", "upgrade/added.toml": b"x = 1\n"}


def lay(root: Path, content: dict[str, bytes]) -> Path:
    for path, data in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    for path, target in LINKS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    return root


def bundle_of(root: Path, output: Path, version: str, known: Collection[str] = ()) -> Path:
    files = describe(root)
    raw = metadata_bytes(metadata_for(files=files, size=total_size(files), version=version))
    pack(root, raw, sign_metadata(raw, [KEY]), output, known=known)
    return output


def digests(root: Path) -> set[str]:
    return metadata_for(files=describe(root)).digests()


def put(bundle: Path, facts: Facts) -> Path:
    fd = os.open(bundle, os.O_RDONLY)
    try:
        return install(fd, facts, make_current=False)
    finally:
        os.close(fd)


def refused(bundle: Path, facts: Facts) -> str:
    with pytest.raises(AttError) as caught:
        put(bundle, facts)
    assert not list(facts.paths.journal.glob("staging-*"))
    return caught.value.code


@settings(max_examples=15)
@given(known=st.sets(st.sampled_from(sorted(CONTENT))))
def test_whatever_a_thin_bundle_leaves_out_the_release_is_that_of_the_full_one(
    tmp_path_factory: pytest.TempPathFactory, known: set[str]
) -> None:
    place = tmp_path_factory.mktemp("thin")
    facts = machine(place / "root")
    base, newer = lay(place / "base", CONTENT), lay(place / "newer", CHANGED)
    put(bundle_of(base, place / "base.attb", "0.1.0"), facts)
    listed = metadata_for(files=describe(base)).regular()
    thin = bundle_of(newer, place / "thin.attb", NEWER, {listed[path].sha256 for path in known})

    release = put(thin, facts)

    assert verify_release(release) == []
    full = put(bundle_of(newer, place / "full.attb", NEWER), machine(place / "other"))
    assert (release / METADATA).read_bytes() == (full / METADATA).read_bytes()
    for path, content in CHANGED.items():
        assert (release / path).read_bytes() == content


@pytest.mark.parametrize("known", [CONTENT, ()], ids=["thin", "full"])
def test_what_did_not_change_is_shared_with_the_release_that_has_it(tmp_path: Path, known: Collection[str]) -> None:
    facts = machine(tmp_path / "root")
    base, newer = lay(tmp_path / "base", CONTENT), lay(tmp_path / "newer", CHANGED)
    earlier = put(bundle_of(base, tmp_path / "base.attb", "0.1.0"), facts)
    listed = metadata_for(files=describe(base)).regular()
    release = put(bundle_of(newer, tmp_path / "n.attb", NEWER, {listed[path].sha256 for path in known}), facts)

    for path, content in CHANGED.items():
        shared = CONTENT.get(path) == content
        assert (release / path).stat().st_nlink == 1 + shared, path
        assert not shared or (release / path).samefile(earlier / path)


def test_a_damaged_file_is_not_shared_but_written_anew(tmp_path: Path) -> None:
    facts = machine(tmp_path / "root")
    base, newer = lay(tmp_path / "base", CONTENT), lay(tmp_path / "newer", CHANGED)
    earlier = put(bundle_of(base, tmp_path / "base.attb", "0.1.0"), facts)
    bits, mode, gone = sorted(path for path in CONTENT if CHANGED[path] == CONTENT[path])[:3]
    (earlier / bits).chmod(0o644)
    (earlier / bits).write_bytes(CONTENT[bits].swapcase())
    (earlier / bits).chmod(int(metadata_for(files=describe(base)).regular()[bits].mode, 8))
    (earlier / mode).chmod(0o600)
    (earlier / gone).unlink()

    release = put(bundle_of(newer, tmp_path / "newer.attb", NEWER), facts)

    assert verify_release(release) == []
    assert [(release / path).stat().st_nlink for path in (bits, mode, gone)] == [1, 1, 1]


def test_a_release_that_shares_needs_only_the_room_of_what_is_new(tmp_path: Path) -> None:
    facts = machine(tmp_path / "root")
    base, newer = lay(tmp_path / "base", CONTENT), lay(tmp_path / "newer", CHANGED)
    bundle = bundle_of(newer, tmp_path / "newer.attb", NEWER)

    def needed() -> int:
        with bundle.open("rb") as opened:
            return open_bundle(opened.fileno(), trust_in(KEY), facts).new_bytes()

    assert needed() == sum(len(content) for content in CHANGED.values())
    put(bundle_of(base, tmp_path / "base.attb", "0.1.0"), facts)
    assert needed() == sum(len(content) for path, content in CHANGED.items() if CONTENT.get(path) != content)


def test_a_thin_bundle_is_a_fraction_of_the_full_one(tmp_path: Path) -> None:
    content = {**CONTENT, "venv/lib/random": os.urandom(500_000)}
    base = lay(tmp_path / "base", content)
    newer = lay(tmp_path / "newer", {**content, "upgrade/added.toml": b"x = 1\n"})
    thin = bundle_of(newer, tmp_path / "thin.attb", NEWER, digests(base))
    assert thin.stat().st_size < 10_000
    assert bundle_of(newer, tmp_path / "full.attb", NEWER).stat().st_size > 500_000


def test_without_its_base_a_thin_bundle_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    facts = machine(tmp_path / "root")
    newer = lay(tmp_path / "newer", CHANGED)
    thin = bundle_of(newer, tmp_path / "thin.attb", NEWER, digests(newer))
    assert refused(thin, facts) == "bundle_file_missing"


def test_an_unfinished_base_gives_nothing(tmp_path: Path) -> None:
    facts = machine(tmp_path / "root")
    base = lay(tmp_path / "base", CONTENT)
    (put(bundle_of(base, tmp_path / "base.attb", "0.1.0"), facts) / ".complete").unlink()
    thin = bundle_of(lay(tmp_path / "newer", CHANGED), tmp_path / "thin.attb", NEWER, digests(base))
    assert refused(thin, facts) == "bundle_file_missing"


@pytest.mark.parametrize("damage", ["other bytes", "fewer bytes", "gone", "a link", "a pipe"])
def test_a_damaged_base_is_found_and_named(tmp_path: Path, damage: str) -> None:
    facts = machine(tmp_path / "root")
    base = lay(tmp_path / "base", CONTENT)
    victim = put(bundle_of(base, tmp_path / "base.attb", "0.1.0"), facts) / "console/index.html"
    content = victim.read_bytes()
    victim.unlink()
    match damage:
        case "other bytes":
            victim.write_bytes(content.swapcase())
        case "fewer bytes":
            victim.write_bytes(content[:-1])
        case "a link":
            (tmp_path / "same").write_bytes(content)
            victim.symlink_to(tmp_path / "same")
        case "a pipe":
            os.mkfifo(victim)
        case _:
            assert not victim.exists()
    newer = lay(tmp_path / "newer", {**CONTENT, "upgrade/added.toml": b"x = 1\n"})
    thin = bundle_of(newer, tmp_path / "thin.attb", NEWER, digests(base))
    assert refused(thin, facts) == "release_damaged"


def test_a_link_that_is_left_out_is_not_made_up(tmp_path: Path) -> None:
    parts = Parts.honest()
    parts.members = [member for member in parts.members if b"lib64" not in member.head[:100]]
    fd = os.open(parts.write(tmp_path / "a.attb"), os.O_RDONLY)
    try:
        with pytest.raises(AttError) as caught:
            open_bundle(fd, trust_in(KEY), machine(tmp_path / "root")).verify()
    finally:
        os.close(fd)
    assert caught.value.code == "bundle_file_missing"
