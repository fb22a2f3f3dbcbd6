"""`attctl network` from the command line."""

import json
from pathlib import Path

import pytest
from tests.unit.machine.network.test_service import Links
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts

STATIC = ("--address", "192.0.2.7/24", "--gateway", "192.0.2.1", "--dns", "192.0.2.53")


@pytest.fixture
def links(box: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Links:
    box.paths.config.parent.mkdir(parents=True)
    made = Links(tmp_path)
    monkeypatch.setattr("att.machine.network.world.Networkd", lambda _facts: made)
    return made


def test_a_network_is_described_tried_confirmed_and_audited(links: Links, attctl: Attctl, audited: Audited) -> None:
    assert attctl("network", "set", *STATIC).code == 0
    assert attctl("network", "apply", answer="n").code == 4
    tried = attctl("network", "apply", "--yes", "--json")
    assert json.loads(tried.out)["seconds_left"] == 120
    assert "attctl network confirm" in tried.err
    assert attctl("network", "confirm").code == 0
    shown = json.loads(attctl("network", "show", "--json").out)
    assert (shown["in_force"], shown["kept"], shown["wanted"]["addresses"]) == ("kept", True, ["192.0.2.7/24"])
    assert [one["action"] for one in audited()] == [f"machine.network.{one}" for one in ("set", "apply", "confirm")]
    assert attctl("network", "set", "--dhcp").code == 0
    assert attctl("network", "apply", "--yes").code == 0
    assert attctl("network", "revert").code == 0
    assert "192.0.2.7" in links.lives


@pytest.mark.parametrize("words", [(), ("--dhcp", *STATIC), ("--address", "here"), ("--interface", "eth7", "--dhcp")])
def test_what_is_no_network_is_told_with_its_code(
    links: Links, attctl: Attctl, audited: Audited, words: tuple[str, ...]
) -> None:
    ran = attctl("network", "set", *words)
    assert (ran.code, "error[network_invalid]" in ran.err) == (2, True)
    assert audited() == []
    assert attctl("network", "apply", "--yes").code == 4
