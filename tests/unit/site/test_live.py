"""What holds is the file on trial, else the one that is kept; a process sees it change within a second."""

import base64
from pathlib import Path

from tests.fakes.chains import issue

from att.site.decision import Proxy, Site, written
from att.site.kept import KEPT_FILE, TRIAL_FILE, authorities_at, site_at
from att.site.live import LiveSite
from att.site.trust import base64_of, bundle, pem_of

A, B = Site(Proxy("a.example", 1)), Site(Proxy("b.example", 2), authorities=(base64.b64encode(b"x" * 80).decode(),))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(root: Path, name: str, *lines: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n")


def test_the_trial_goes_before_what_is_kept(tmp_path: Path) -> None:
    assert site_at(tmp_path) == Site()
    write(tmp_path, KEPT_FILE, *written(A))
    assert site_at(tmp_path) == A
    write(tmp_path, TRIAL_FILE, *written(B))
    assert site_at(tmp_path) == B
    write(tmp_path, TRIAL_FILE, "[Match]")
    assert site_at(tmp_path) == Site()


def test_a_process_sees_each_change_a_second_later_and_keeps_what_it_had_of_a_file_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    clock = Clock()
    site = LiveSite(tmp_path, clock)
    assert site() == Site()
    write(tmp_path, KEPT_FILE, *written(A))
    assert site() == Site()
    clock.now += 1
    assert site() == A
    write(tmp_path, TRIAL_FILE, *written(B))
    clock.now += 1
    assert site() == B
    write(tmp_path, TRIAL_FILE, "[X-ATT]", "Proxy=nonsense")
    clock.now += 1
    assert site() == B
    (tmp_path / TRIAL_FILE).unlink()
    clock.now += 1
    assert site() == A
    assert LiveSite(tmp_path)() == A


def test_authorities_become_a_file_with_the_systems(tmp_path: Path) -> None:
    pem = issue("Example Root", authority=True).pem.decode()
    [one] = base64_of(f"some words\n{pem}and others\n")
    assert pem_of([one]) == pem
    system = tmp_path / "system.crt"
    assert bundle(pem, system) == pem
    system.write_text("THE SYSTEM'S")
    assert bundle(pem, system) == f"THE SYSTEM'S\n{pem}"
    assert authorities_at(tmp_path) == ""
    write(tmp_path, KEPT_FILE, *written(Site(authorities=(one,))))
    assert authorities_at(tmp_path) == pem
    write(tmp_path, KEPT_FILE, "[X-ATT]", "Authority=%")
    assert authorities_at(tmp_path) == ""
