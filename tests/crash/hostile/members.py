"""Members beside what signed metadata list, and lists that leave the release."""

from tests.crash.hostile.kind import INDEX, Kind, damaged, exchanged
from tests.fakes.archives import CONTENT, KEY, Parts, entry, metadata_for, odd
from tests.fakes.hostile_bundles import LYING_TREES, MEMBERS

from att.release.schema import METADATA
from att.release.trust import sign_metadata
from att.release.writer import metadata_bytes


def written_through(parts: Parts) -> None:
    """Put a link to the running release before all others, and a file below it."""
    link = odd("files/venv/x", b"2", link="../../../releases/1.0.0")
    parts.members[:0] = [link, entry("files/venv/x/LICENSE", b"evil")]


PLACES = {
    "into the running release": Kind(
        "bundle_member_climbs",
        damaged(lambda parts: parts.members.insert(0, odd("files/../../../releases/1.0.0/LICENSE", b"0", b"evil"))),
    ),
    "a link, then a file through it": Kind("bundle_member_link", damaged(written_through)),
    "a file less": Kind("bundle_file_missing", exchanged("files/salt")),
    "a file with a bit flipped": Kind("bundle_file_mismatch", exchanged(INDEX, entry(INDEX, b"<!doctype html>\x0b"))),
    "a file with another size": Kind("bundle_file_mismatch", exchanged(INDEX, entry(INDEX, b"<!doctype html>\n\n"))),
    "a file with another mode": Kind(
        "bundle_file_mode", exchanged(INDEX, entry(INDEX, CONTENT["console/index.html"], mode=0o555))
    ),
    "a link in a file's place": Kind("bundle_member_link", exchanged(INDEX, entry(INDEX, link="LICENSE"))),
    "a link to elsewhere": Kind(
        "bundle_member_link", exchanged("files/venv/lib64", entry("files/venv/lib64", link="bin"))
    ),
    "a file in a link's place": Kind(
        "bundle_member_link", exchanged("files/venv/lib64", entry("files/venv/lib64", b"x"))
    ),
    "metadata behind the files": Kind(
        "bundle_member_repeated", damaged(lambda parts: parts.members.append(entry(METADATA, b"{}")))
    ),
}


def one_more(name: str) -> Kind:
    member, code = MEMBERS[name]
    return Kind(code, damaged(lambda parts: parts.members.append(member)))


def lying_tree(name: str) -> Kind:
    files, links, code = LYING_TREES[name]
    told = metadata_bytes(metadata_for(files, links))
    return Kind(code, lambda _machine, folder: Parts(told, sign_metadata(told, [KEY])).write(folder / "a.attb"))
