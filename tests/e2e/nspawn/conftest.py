"""The same appliance in a container as the tests of `make test`."""

from tests.appliance.nspawn.conftest import (
    able,
    appliance,
    appliance_root,
    bundle,
    quick,
    signing_key,
    trust_key,
    upgrades,
)

__all__ = ["able", "appliance", "appliance_root", "bundle", "quick", "signing_key", "trust_key", "upgrades"]
