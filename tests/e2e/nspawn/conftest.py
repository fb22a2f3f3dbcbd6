"""The same appliance in a container as the tests of `make test`, on probation for longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn import template
from tests.appliance.nspawn.conftest import (
    able,
    appliance,
    appliance_root,
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
