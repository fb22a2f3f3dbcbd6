"""A writer that goes on through fifty upgrades in a row finds every row it was told of."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn.container import Container
from tests.appliance.nspawn.upgrading import Upgrades
from tests.bench.table import Row, write
from tests.fakes.bundles import derive_bundle

TIMES = 50


def _short_probation(gates: bytes) -> bytes:
    """Of 20 s: the first upgrade still takes the longer one of the running release."""
    return gates.replace(b"probation_seconds = 20", b"probation_seconds = 2 ")


def _bundles(appliance: Container, base: Path, key: Ed25519PrivateKey) -> Callable[[int], tuple[str, Path]]:
    def make(number: int) -> tuple[str, Path]:
        version = f"9.1.{number}"
        overlay = {"upgrade/gates.toml": _short_probation}
        bundle = derive_bundle(base, version, key=key, output=appliance.root / "var/tmp", overlay=overlay)
        bundle.chmod(0o644)
        return version, Path("/var/tmp") / bundle.name

    return make


def test_no_write_is_lost_or_done_twice_through_fifty_upgrades(
    appliance: Container, appliance_root: Path, signing_key: Ed25519PrivateKey
) -> None:
    base = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
    upgrades = Upgrades(appliance, base, signing_key)
    make = _bundles(appliance, base, signing_key)
    with upgrades.load("fifty") as report:
        for number in range(1, TIMES + 1):
            version, bundle = make(number)
            code, _, said = upgrades.apply(bundle)
            assert code == 0, f"upgrade {number}: {said}"
            assert upgrades.serving() == version
            (appliance.root / str(bundle).lstrip("/")).unlink()
    seen = report.seen
    write("fifty-upgrades", "make e2e", [Row("upgrades", str(TIMES)), *(Row(k, str(v)) for k, v in seen.items())])
    assert report.bad_statuses() == {}
    assert (seen["writes_lost"], seen["writes_twice"], seen["errors"]) == ([], [], {})
    assert seen["longest_wait_seconds"] <= 5
