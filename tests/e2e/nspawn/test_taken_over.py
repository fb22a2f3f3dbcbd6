"""On the appliance, a process with the API's uid and all its files gets nothing signed and never says yes itself."""

import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance import drive_taken_over as taken_over
from tests.appliance.nspawn.container import Container
from tests.appliance.nspawn.test_building import PYTHON
from tests.bench.table import Row, write
from tests.fakes.bundles import derive_bundle, unpacked

from att.appliance import facts

HERE = Path(taken_over.__file__).parent
THERE = "/usr/local/share/att-tests"
ENGINES = ("/opt/att/releases", "/opt/att/current", "/var/lib/att/upgrade/trust", "/etc/att")
PROGRAMS = ("drive_building.py", "drive_taken_over.py")


def tried(appliance: Container, when: str, bundle: str = "") -> Mapping[str, str]:
    """Have the ways tried as the API's user; returns how each was refused."""
    command = (PYTHON, "-m", "tests.appliance.drive_taken_over", when, bundle)
    user, environment = facts().unit("att-api").user, {"PYTHONPATH": THERE}
    done = appliance.run(*command, user=user, environment=environment, timeout_seconds=300)
    found: Mapping[str, str] = json.loads(done.stdout)
    return found


def listed(appliance: Container) -> str:
    """What only the engine and operators may change."""
    return appliance.run("find", *ENGINES, "-maxdepth", "1", "-printf", "%p %l %T@\\n").stdout


def test_who_has_all_that_the_api_has_gets_nothing_signed_and_is_no_operator(
    appliance: Container, bundle: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    for name in PROGRAMS:
        appliance.write(f"{THERE}/tests/appliance/{name}", (HERE / name).read_text(encoding="utf-8"))
    base = unpacked(bundle, tmp_path / "base", signing_key)
    own = derive_bundle(base, "9.9.9", key=Ed25519PrivateKey.generate(), output=tmp_path, thin=True)
    there = appliance.root / "var/tmp" / own.name
    there.write_bytes(own.read_bytes())
    there.chmod(0o644)
    before = listed(appliance)

    ways = dict(tried(appliance, "before", f"/var/tmp/{own.name}"))
    shown = appliance.told("bootstrap", "status")["proposals"]
    assert [(one["number"], one["approvals"]) for one in shown] == [(taken_over.NUMBER, [])]
    appliance.attctl("bootstrap", "approve", str(taken_over.NUMBER), "--yes")
    ways |= tried(appliance, "after")

    write("taken-over", "make e2e", [Row(way, refused) for way, refused in ways.items()])
    assert len(ways) >= 10
    assert "done" not in ways.values(), ways
    assert listed(appliance) == before
    assert appliance.run("ls", "-A", "/var/lib/att/upgrade/building").stdout == ""
    assert [one["verdict"] for one in appliance.told("upgrade", "history")["transactions"]] == ["refused"]
