"""The same appliance as in tests/appliance/nspawn, for the long proofs."""

from tests.appliance.nspawn.conftest import (
    able,
    appliance,
    appliance_root,
    bundle,
    host,
    signing_key,
    trust_key,
    upgrades,
)

__all__ = ["able", "appliance", "appliance_root", "bundle", "host", "signing_key", "trust_key", "upgrades"]
