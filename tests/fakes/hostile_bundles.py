"""Archives that no honest builder writes, each with the code that it must be refused with.

What is damaged is the archive: its file, its members, or the tree that signed metadata lists.
"""

import tarfile
from collections.abc import Callable

from tests.fakes.archives import CONTENT, Entry, Parts, compressed, endless, entry, extended, odd, patched

from att.release.schema import METADATA

NAME = "files/console/evil"
MEMBERS: dict[str, tuple[Entry, str]] = {
    "absolute": (odd("/etc/evil", tarfile.REGTYPE), "bundle_member_absolute"),
    "climbs": (odd("files/../../evil", tarfile.REGTYPE), "bundle_member_climbs"),
    "only dots": (odd("..", tarfile.REGTYPE), "bundle_member_climbs"),
    "dot": (odd("files/./evil", tarfile.REGTYPE), "bundle_member_name"),
    "double slash": (odd("files//evil", tarfile.REGTYPE), "bundle_member_name"),
    "backslash": (odd("files\\evil", tarfile.REGTYPE), "bundle_member_name"),
    "control character": (odd("files/ev\nil", tarfile.REGTYPE), "bundle_member_name"),
    "decomposed": (odd("files/e\u0301vil", tarfile.REGTYPE), "bundle_member_name"),
    "not utf-8": (patched(odd("files/evil", tarfile.REGTYPE), 6, b"\xff"), "bundle_member_name"),
    "hidden bytes": (patched(odd("files/evil", tarfile.REGTYPE), 50, b"x"), "bundle_member_name"),
    "link out": (odd(NAME, tarfile.SYMTYPE, link="/etc"), "bundle_member_link"),
    "link without target": (odd(NAME, tarfile.SYMTYPE), "bundle_member_link"),
    "hard link": (odd(NAME, tarfile.LNKTYPE, link="../../../etc/passwd"), "bundle_member_hardlink"),
    "character device": (odd(NAME, tarfile.CHRTYPE), "bundle_member_device"),
    "block device": (odd(NAME, tarfile.BLKTYPE), "bundle_member_device"),
    "fifo": (odd(NAME, tarfile.FIFOTYPE), "bundle_member_fifo"),
    "folder": (odd(NAME, tarfile.DIRTYPE), "bundle_member_kind"),
    "contiguous file": (odd(NAME, tarfile.CONTTYPE), "bundle_member_kind"),
    "setuid": (odd(NAME, tarfile.REGTYPE, mode=0o4755), "bundle_member_setuid"),
    "setgid": (odd(NAME, tarfile.REGTYPE, mode=0o2755), "bundle_member_setuid"),
    "sticky": (odd(NAME, tarfile.REGTYPE, mode=0o1755), "bundle_member_setuid"),
    "repeated": (entry("files/console/index.html", CONTENT["console/index.html"]), "bundle_member_repeated"),
    "repeated metadata": (entry(METADATA, b"{}"), "bundle_member_repeated"),
    "other case": (entry("files/console/INDEX.html"), "bundle_member_folds"),
    "other width": (entry("files/console/\uff49ndex.html"), "bundle_member_folds"),
    "long name": (extended("files/" + "x" * 294, tarfile.GNU_FORMAT), "bundle_path_too_long"),
    "long link": (
        extended(NAME, tarfile.GNU_FORMAT, type=tarfile.SYMTYPE, linkname="x" * 300),
        "bundle_path_too_long",
    ),
    "pax path": (extended("files/" + "x" * 294, tarfile.PAX_FORMAT), "bundle_member_extended"),
    "pax size": (extended(NAME, tarfile.PAX_FORMAT, pax_headers={"size": "9999"}), "bundle_member_extended"),
    "global pax": (odd("pax_global_header", tarfile.XGLTYPE, b"18 path=/etc/evil\n"), "bundle_member_extended"),
    "sparse": (odd(NAME, tarfile.GNUTYPE_SPARSE), "bundle_member_sparse"),
    "gnu header": (extended(NAME, tarfile.GNU_FORMAT), "bundle_member_extended"),
    "binary size": (patched(entry(NAME), 124, b"\x80" + b"\xff" * 11), "bundle_member_extended"),
    "unlisted": (entry(NAME, b"evil"), "bundle_file_extra"),
    "unlisted at the top": (entry("post_install.sh", b"evil", mode=0o555), "bundle_file_extra"),
    "document among the files": (entry("files/LICENSE", CONTENT["LICENSE"]), "bundle_file_extra"),
}
"""One more member. A repetition shows at the second of the two, all others wherever they come."""

LYING_TREES: dict[str, tuple[dict[str, bytes], dict[str, str], str]] = {
    "absolute path": ({"/etc/evil": b""}, {}, "bundle_member_absolute"),
    "climbing path": ({"a/../../evil": b""}, {}, "bundle_member_climbs"),
    "long path": ({"x" * 300: b""}, {}, "bundle_path_too_long"),
    "absolute link": ({}, {"a": "/etc/passwd"}, "bundle_member_link"),
    "another python": ({}, {"venv/bin/python": "/usr/bin/python3.12"}, "bundle_member_link"),
    "python elsewhere": ({}, {"systemd/evil.service": "/usr/bin/python3.13"}, "bundle_member_link"),
    "link that climbs out": ({"a": b""}, {"b/c": "../../a"}, "bundle_member_link"),
    "link to nothing": ({}, {"a": "b"}, "bundle_member_link"),
    "link to itself": ({}, {"a": "a"}, "bundle_member_link"),
    "link through a link": ({"a/b/c": b"", "x": b""}, {"l": "a/b", "m": "l/../../x"}, "bundle_member_link"),
    "file below a link": ({"d/x": b"", "l/x": b""}, {"l": "d"}, "bundle_member_link"),
    "file that is a folder": ({"a": b"", "a/b": b""}, {}, "bundle_member_folds"),
    "folders in two cases": ({"Lib/a": b"", "lib/b": b""}, {}, "bundle_member_folds"),
    "files in two cases": ({"lib/a": b"", "lib/A": b""}, {}, "bundle_member_folds"),
    "ligature": ({"\ufb01le": b"", "file": b""}, {}, "bundle_member_folds"),
}
"""Files and links that signed metadata lists: nothing of them is written."""


def without_metadata() -> bytes:
    return compressed(b"".join(member.raw for member in Parts.honest().members) + bytes(1024))


def bomb() -> bytes:
    return compressed(Parts.honest().stream()[:-1024] + bytes(1 << 27), declared=100_000)


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty file": (lambda: b"", "bundle_truncated"),
    "another file": (lambda: b"PK\x03\x04" + bytes(600), "bundle_foreign"),
    "another archive": (without_metadata, "bundle_foreign"),
    "no archive": (lambda: compressed(b"hello" * 300), "bundle_damaged"),
    "endless": (lambda: endless([Parts.honest().stream()]), "bundle_endless"),
    "more than declared": (bomb, "bundle_damaged"),
    "less than declared at its end": (
        lambda: compressed(Parts.honest().stream(), declared=1 << 15),
        "bundle_damaged",
    ),
    "less than declared": (lambda: compressed(Parts.honest().stream(), declared=60_000), "bundle_damaged"),
    "bytes after the archive": (lambda: compressed(Parts.honest().stream()) + b"x", "bundle_trailing"),
    "frame after the archive": (
        lambda: compressed(Parts.honest().stream()) + compressed(b"more"),
        "bundle_trailing",
    ),
    "more than an archive": (lambda: compressed(Parts.honest().stream() + bytes(512)), "bundle_damaged"),
    "end in one block": (lambda: compressed(Parts.honest().stream()[:-512]), "bundle_truncated"),
    "dirty padding": (
        lambda: compressed(Parts.honest().stream().replace(b"Apache-2.0\n\0", b"Apache-2.0\nx")),
        "bundle_damaged",
    ),
}
"""The bytes of the whole file."""
