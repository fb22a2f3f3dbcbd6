from pathlib import Path

import pytest
from dev.vm.sources import Mirror, deb822, entries, host_mirror, mirror_of
from dev.vm.step import VmError

STANZAS = """\
Types: deb
# a comment inside
URIs: http://mirror.test/debian
Suites: bookworm
 bookworm-updates
Components: main

Types: deb
URIs: http://mirror.test/sec
Suites: bookworm-security

Types: deb
URIs: http://other.test/node
Suites: nodistro

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: trixie
"""


def test_stanzas_give_each_address_with_each_of_its_suites() -> None:
    assert list(entries(STANZAS, deb822=True)) == [
        ("http://mirror.test/debian", "bookworm"),
        ("http://mirror.test/debian", "bookworm-updates"),
        ("http://mirror.test/sec", "bookworm-security"),
        ("http://other.test/node", "nodistro"),
    ]


def test_lines_are_read_with_and_without_options() -> None:
    text = "# deb http://no/ sid main\ndeb [arch=amd64 signed-by=/k] http://m.test/d trixie main\n"
    text += "deb-src http://s/ trixie main"
    assert list(entries(text, deb822=False)) == [("http://m.test/d", "trixie")]


def test_the_debian_archives_are_chosen_among_others() -> None:
    found = mirror_of(entries(STANZAS, deb822=True))
    assert found == Mirror("http://mirror.test/debian", "http://mirror.test/sec")


def test_the_security_archive_lies_beside_the_main_one_unless_named() -> None:
    assert mirror_of([("http://m.test/debian/", "trixie")]) == Mirror(
        "http://m.test/debian/", "http://m.test/debian-security"
    )


def test_a_host_without_debian_archives_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATT_DEBIAN_MIRROR", raising=False)
    (tmp_path / "sources.list").write_text("deb http://u.test/ubuntu noble main\n")
    with pytest.raises(VmError, match="cannot find a Debian mirror") as caught:
        host_mirror(tmp_path)
    assert "ATT_DEBIAN_MIRROR" in caught.value.hint


def test_a_named_mirror_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_DEBIAN_MIRROR", "http://own.test/debian")
    monkeypatch.delenv("ATT_DEBIAN_SECURITY_MIRROR", raising=False)
    assert host_mirror(tmp_path).security == "http://own.test/debian-security"


def test_what_is_written_names_main_updates_and_security() -> None:
    read = list(entries(deb822(Mirror("http://m", "http://s")), deb822=True))
    assert read == [("http://m", "trixie"), ("http://m", "trixie-updates"), ("http://s", "trixie-security")]
