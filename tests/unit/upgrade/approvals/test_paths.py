"""Which paths of the repository mean more than code."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.upgrade.approvals.paths import IMAGE, PROTECTED, Touched, touched

REPOSITORY = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("upgrade/gates.toml", "protected"),
        ("src/att/upgrade/approvals/decision.py", "protected"),
        ("src/att/bootstrap/decision.py", "protected"),
        ("src/att/release/trust.py", "protected"),
        ("src/att/config/settings.py", "protected"),
        (".att/checks.yaml", "protected"),
        ("systemd/att-upgraded.service", "protected"),
        ("src/att/upgrade", "protected"),
        ("appliance/stage0/att_stage0/decision.py", "image"),
        ("appliance/appliance.toml", "image"),
        ("provision/10-permissions.sh", "image"),
        ("systemd/att-api.socket", "image"),
        ("appliance", "image"),
        ("src/att/surfaces/rest/app.py", ""),
        ("systemd/att-api.service", ""),
        ("upgrade/migrations/versions/0009_more.py", ""),
        ("locks/runtime.txt", ""),
        ("src/console/src/main.tsx", ""),
        ("src/att/upgrades.py", ""),
        ("src/att/upgrade_notes.md", ""),
        ("docs/appliance/x.md", ""),
        ("README.md", ""),
        ("", ""),
    ],
)
def test_a_path_is_what_it_stands_for(path: str, kind: str) -> None:
    found = touched([path])
    assert {name: paths for name, paths in vars(found).items() if paths} == ({kind: (path,)} if kind else {})


def test_a_renamed_file_counts_at_both_its_places() -> None:
    found = touched(["src/att/upgrade/service.py", "src/att/store/service.py", "src/att/upgrade/service.py"])
    assert found == Touched(protected=("src/att/upgrade/service.py",))


@pytest.mark.parametrize("place", sorted({*PROTECTED, *IMAGE}))
def test_every_place_is_one_of_the_repository(place: str) -> None:
    found = REPOSITORY / place
    assert found.is_dir() if place.endswith("/") else found.is_file()


@given(st.lists(st.sampled_from([*PROTECTED, *IMAGE, "README.md"]).flatmap(lambda p: st.just(f"{p}x")), max_size=8))
def test_the_order_of_the_paths_changes_nothing(paths: list[str]) -> None:
    assert touched(paths) == touched(reversed(paths)) == touched([*paths, *paths])
