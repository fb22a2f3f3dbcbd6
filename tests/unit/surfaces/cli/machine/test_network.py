"""`attctl network` from the command line."""

import json
from pathlib import Path

import pytest
from tests.fakes.chains import issue
from tests.fakes.site import authority
from tests.unit.machine.network.test_service import Links
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts

PROXY = "http://proxy.test:3128"
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


def test_proxy_and_authority_are_described_beside_an_address_and_taken_away_again(
    links: Links, attctl: Attctl, audited: Audited, tmp_path: Path
) -> None:
    ca = tmp_path / "site-ca.pem"
    ca.write_bytes(authority().root.pem)
    assert attctl("network", "set", *STATIC).code == 0
    words = ("--proxy", PROXY, "--no-proxy", "example.org", "--no-proxy", "10.0.0.0/8", "--ca", str(ca))
    assert attctl("network", "set", *words).code == 0
    assert attctl("network", "apply", "--yes").err.count("start it again") == 1
    assert attctl("network", "confirm").code == 0
    shown = json.loads(attctl("network", "show", "--json").out)
    assert (shown["proxy"], shown["no_proxy"]) == (PROXY, ["example.org", "10.0.0.0/8"])
    assert [one["subject"] for one in shown["authorities"]] == ["CN=Example Root"]
    assert shown["wanted"]["addresses"] == ["192.0.2.7/24"]
    assert "CN=Example Root" in attctl("network", "show").out
    assert audited()[1]["network"]["authorities"][0]["subject"] == "CN=Example Root"
    assert attctl("network", "set", "--no-proxy", "example.net").code == 0
    assert attctl("network", "set", "--without-proxy", "--without-ca").code == 0
    assert attctl("network", "apply", "--yes").code == 0
    assert attctl("network", "confirm").code == 0
    left = json.loads(attctl("network", "show", "--json").out)
    assert (left["proxy"], left["no_proxy"], left["authorities"]) == (None, [], [])


def test_a_proxy_with_a_login_is_refused_before_anything_of_root_sees_it(
    attctl: Attctl, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    monkeypatch.setattr("att.surfaces.cli.root.become_root", asked.append)
    ran = attctl("network", "set", "--proxy", "http://ann:hunter2@proxy.test:3128")
    assert (ran.code, "error[proxy_login]" in ran.err, "hunter2" in ran.err) == (2, True, False)
    assert "cntlm" in ran.err
    assert (asked, audited()) == ([], [])


def test_a_file_of_no_authority_changes_nothing(links: Links, attctl: Attctl, tmp_path: Path) -> None:
    server = tmp_path / "server.pem"
    server.write_bytes(issue().pem)
    ran = attctl("network", "set", "--ca", str(server))
    assert (ran.code, "error[authority_unusable]" in ran.err) == (2, True)
    assert json.loads(attctl("network", "show", "--json").out)["wanted"] is None


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--dhcp", *STATIC),
        ("--address", "here"),
        ("--interface", "eth7", "--dhcp"),
        ("--dns", "192.0.2.53"),
        ("--interface", "ens3", "--proxy", PROXY),
        ("--proxy", "proxy.test:3128"),
        ("--no-proxy", "example.org"),
        ("--proxy", PROXY, "--without-proxy"),
        ("--ca", "x.pem", "--without-ca"),
    ],
)
def test_what_is_no_network_is_told_with_its_code(
    links: Links, attctl: Attctl, audited: Audited, words: tuple[str, ...]
) -> None:
    ran = attctl("network", "set", *words)
    assert (ran.code, "error[network_invalid]" in ran.err) == (2, True)
    assert audited() == []
    assert attctl("network", "apply", "--yes").code == 4
