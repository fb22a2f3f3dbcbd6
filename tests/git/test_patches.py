"""The patches with which an appliance is tested that changes itself: they must fit the tree as it is."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted((ROOT / "tests" / "bootstrap").glob("*/*.patch"))
BAD = 13


@pytest.mark.parametrize("patch", PATCHES, ids=lambda one: one.stem)
def test_each_patch_applies_to_this_tree(patch: Path) -> None:
    done = subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_there_are_all_bad_ones() -> None:
    assert sum(patch.parent.name == "bad" for patch in PATCHES) == BAD
