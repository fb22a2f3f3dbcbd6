"""The same appliance in a container as the tests of `make test`, on probation for longer; and one with NAT in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.bundle.identity import identify
from dev.vm.places import ROOT
from tests.appliance.nspawn import template
from tests.appliance.nspawn.conftest import (
    able,
    appliance,
    appliance_root,
    built,
    bundle,
    quick,
    running,
    signing_key,
    trust_key,
)
from tests.appliance.nspawn.upgrading import Upgrades

__all__ = ["able", "appliance", "appliance_root", "bundle", "quick", "signing_key", "trust_key", "upgrades"]

# Long enough for the release that crashes eight seconds after it was ready.
PATIENT = b"[gate]\nsuccesses = 5\nprobation_seconds = 11\n[deadlines]\nready_seconds = 30\n"


@pytest.fixture(scope="module")
def upgrades(appliance_root: Path, signing_key: Ed25519PrivateKey) -> Iterator[Upgrades]:
    """An appliance to upgrade, with gates that see a release which crashes late."""
    with running(appliance_root, signing_key, {"upgrade/gates.toml": PATIENT}, template.folder()) as found:
        yield found


@pytest.fixture(scope="session")
def whole_bundle(able: None) -> Path:
    """The bundle of this checkout with NAT in it, as users get it."""
    return built()


@pytest.fixture(scope="session")
def whole_root(whole_bundle: Path, trust_key: Path) -> Path:
    """An appliance of it."""
    return template.appliance_root(whole_bundle, trust_key)


@pytest.fixture(scope="session")
def committed() -> str:
    """The commit of this checkout; a change of ATT is made to a commit, which nothing holds that was not committed."""
    found = identify(ROOT, release=False)
    if found.dirty:
        pytest.skip("this checkout has changes: no commit holds what runs")
    return found.commit
