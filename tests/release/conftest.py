"""Bundles built from clones of this checkout's HEAD, with one key."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from dev.bundle.assemble import make_key
from dev.bundle.buildroot import cache_folder

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Built:
    """One build: the clone, the bundle, and what it printed."""

    clone: Path
    bundle: Path
    printed: str


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "signing.pem"
    make_key(path)
    return path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Built:
    return build_clone(REPOSITORY, tmp_path_factory.mktemp("one") / "att", key, cache_folder())


def build_clone(source: Path, clone: Path, key: Path, cache: Path, *arguments: str, **variables: str) -> Built:
    """Clone the HEAD of `source` to `clone` and build its bundle there, keeping what is kept in `cache`."""
    subprocess.run(["git", "clone", "-q", str(source), str(clone)], check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, "-m", "dev.bundle", *arguments],
        cwd=clone,
        env={
            **os.environ,
            "ATT_LEAN": "1",
            "PATH": f"{REPOSITORY / '.tools' / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{clone / 'src'}:{clone / 'appliance' / 'stage0'}",
            "ATT_SIGNING_KEY": str(key),
            "ATT_CACHE": str(cache),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (bundle,) = (clone / "artifacts").glob("*.attb")
    return Built(clone, bundle, done.stdout)
