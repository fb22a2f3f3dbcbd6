"""What may be the network of a machine, and how systemd-networkd is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.network.decision import (
    Change,
    admits,
    admitted,
    authority_problems,
    authority_warnings,
    changed,
    deadline_of,
    interface_of,
    problems,
    render,
    warnings,
)
from att.machine.network.schema import AUTHORITIES_MAX, NO_PROXY_MAX, Network
from att.machine.tls.decision import Certificate, Key
from att.site.decision import Proxy, Site, site_of

STATIC = {
    "interface": "ens3",
    "method": "static",
    "addresses": ("192.0.2.7/24", "2001:db8::7/64"),
    "gateways": ("192.0.2.1", "fe80::1"),
    "dns": ("192.0.2.53",),
    "domains": ("example.org",),
    "ntp": ("ntp.example.org", "192.0.2.123"),
}

PROXY = "http://proxy.example.org:3128"
BEHIND = {"proxy": PROXY, "no_proxy": ("example.org", "10.1.2.3/8"), "authorities": ("AAAA",)}
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Certificate(
    subject="CN=Example Root",
    issuer="CN=Example Root",
    names=(),
    valid_from=NOW - timedelta(days=10),
    valid_until=NOW + timedelta(days=100),
    sha256="AB",
    key=Key("EC", 256, b"", "secp256r1"),
    hash="sha256",
    self_signed=True,
    authority=True,
)


def network(**other: Any) -> Network:
    return Network.model_validate({**STATIC, **other})


def fields(**other: Any) -> set[str]:
    return {field for field, _ in problems(network(**other))}


def test_a_whole_network_has_no_problem_and_no_warning() -> None:
    assert list(problems(network())) == []
    assert list(warnings(network())) == []
    assert list(problems(Network(interface="eth0"))) == []
    assert list(problems(Network(**BEHIND))) == []
    assert list(warnings(Network(interface="eth0"))) == []


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"interface": "../x"}, "interface"),
        ({"interface": "a b"}, "interface"),
        ({"addresses": ()}, "address"),
        ({"addresses": ("192.0.2.7",)}, "address"),
        ({"addresses": ("192.0.2.7/33",)}, "address"),
        ({"addresses": ("192.0.2.7/255.255.255.0",), "gateways": ()}, "address"),
        ({"addresses": ("192.0.2.7/024",), "gateways": ()}, "address"),
        ({"addresses": ("fe80::7%ens3/64",)}, "address"),
        ({"addresses": ("192.0.2.0/24",)}, "address"),
        ({"addresses": ("192.0.2.255/24",)}, "address"),
        ({"addresses": ("127.0.0.2/8",)}, "address"),
        ({"addresses": ("224.0.0.1/24",)}, "address"),
        ({"addresses": ("0.0.0.0/0",)}, "address"),
        ({"addresses": ("192.0.2.7/24", "192.0.2.7/24")}, "addresses"),
        ({"gateways": ("198.51.100.1",)}, "gateway"),
        ({"gateways": ("192.0.2.7",)}, "gateway"),
        ({"gateways": ("192.0.2.1", "192.0.2.2")}, "gateway"),
        ({"gateways": ("router",)}, "gateway"),
        ({"gateways": ("fe80::1%ens3",)}, "gateway"),
        ({"dns": ("dns.example.org",)}, "dns"),
        ({"ntp": ("a\nDHCP=yes",)}, "ntp"),
        ({"domains": ("exa mple",)}, "domain"),
        ({"method": "dhcp"}, "address"),
        ({"proxy": "proxy:3128"}, "proxy"),
        ({"proxy": "http://ann:hunter2@proxy:3128"}, "proxy"),
        ({"no_proxy": ("example.org",)}, "no_proxy"),
        ({"proxy": PROXY, "no_proxy": ("a b",)}, "no_proxy"),
        ({"proxy": PROXY, "no_proxy": ("example.org", "example.org")}, "no_proxy"),
        ({"proxy": PROXY, "no_proxy": tuple(f"a{one}" for one in range(NO_PROXY_MAX + 1))}, "no_proxy"),
        ({"authorities": ("AAAA",) * (AUTHORITIES_MAX + 1)}, "authorities"),
    ],
)
def test_what_cannot_be_is_told_by_its_field(other: dict[str, Any], field: str) -> None:
    assert field in fields(**other)


def test_a_pair_of_two_addresses_has_no_broadcast() -> None:
    assert fields(addresses=("192.0.2.0/31",), gateways=("192.0.2.1",)) == set()
    assert fields(addresses=("192.0.2.7/32",), gateways=()) == set()


def test_what_is_mostly_forgotten_is_a_warning() -> None:
    assert len(list(warnings(network(gateways=(), dns=())))) == 2


def test_a_static_network_is_written_for_networkd() -> None:
    text = render(network())
    assert "Name=ens3" in text
    assert "DHCP=no" in text
    assert "Address=192.0.2.7/24\nAddress=2001:db8::7/64\nGateway=192.0.2.1\nGateway=fe80::1\nDNS=192.0.2.53" in text
    assert deadline_of(text) is None
    assert deadline_of(render(network(), 1234.56)) == 1234.6


def test_with_dhcp_own_name_and_time_servers_stand_instead_of_those_given() -> None:
    own = render(Network(interface="eth0", dns=("192.0.2.53",), ntp=("192.0.2.123",), domains=("example.org",)))
    assert own.count("UseDNS=no") == 3
    assert own.count("UseNTP=no") == 2
    assert "UseDomains=yes" not in own
    assert "UseDNS" not in render(Network(interface="eth0"))
    assert "UseDomains=yes" in render(Network(interface="eth0"))


def test_proxy_and_authorities_stand_in_the_same_file_and_alone_in_one_about_no_interface() -> None:
    site = Site(Proxy("proxy.example.org", 3128), ("example.org", "10.0.0.0/8"), ("AAAA",))
    both, alone = render(network(**BEHIND), 7.0), render(Network(**BEHIND))
    assert site_of(both) == site_of(alone) == site
    assert both.startswith(render(network(), 7.0))
    assert (interface_of(both), interface_of(alone), interface_of("")) == ("ens3", "", "")
    assert "[Network]" not in alone
    assert render(Network()).endswith("[Match]\nName=!*\n")


def test_what_a_change_does_not_name_stays() -> None:
    link, behind = network(), Network(**BEHIND)
    whole = network(**BEHIND)
    assert changed(None, Change()) == Network()
    assert changed(None, Change(link=whole)) == link
    assert changed(behind, Change(link=link)) == whole
    assert changed(link, Change(proxy=PROXY, no_proxy=behind.no_proxy, authorities=("AAAA",))) == whole
    assert changed(whole, Change(proxy="http://other:1")).no_proxy == ()
    assert changed(whole, Change(no_proxy=("example.net",))).proxy == PROXY
    assert changed(whole, Change(without_proxy=True, authorities=())) == link


def test_an_authority_is_one_that_may_sign_and_is_valid_today() -> None:
    assert list(authority_problems([ROOT], NOW)) == []
    assert "of no authority" in next(authority_problems([replace(ROOT, authority=False)], NOW))
    assert "expired on 2026-06-01" in next(authority_problems([replace(ROOT, valid_until=NOW)], NOW))
    later = replace(ROOT, valid_from=NOW + timedelta(days=1))
    assert "not valid before 2026-06-02" in next(authority_problems([later], NOW))


def test_an_authority_that_ends_soon_or_has_ended_is_a_warning() -> None:
    assert list(authority_warnings([ROOT], NOW)) == []
    soon = replace(ROOT, valid_until=NOW + timedelta(days=29))
    assert "expires on 2026-06-30" in next(authority_warnings([soon], NOW))
    assert "expired on 2026-06-01" in next(authority_warnings([replace(ROOT, valid_until=NOW)], NOW))


def test_what_the_kernel_lets_through_is_each_address_once() -> None:
    text = admits(["10.1.2.3", "fd00::3", "10.1.2.3"])
    assert text.endswith("[Service]\nIPAddressAllow=10.1.2.3\nIPAddressAllow=fd00::3\n")
    assert admitted(text) == ["10.1.2.3", "fd00::3"]
    assert admitted("") == []


texts = st.lists(st.text(max_size=20), max_size=2).map(tuple)


@given(texts, texts, texts, texts, texts, st.text(min_size=1, max_size=15))
def test_no_text_of_a_field_that_passes_becomes_a_line_of_its_own(
    addresses: tuple[str, ...],
    gateways: tuple[str, ...],
    dns: tuple[str, ...],
    domains: tuple[str, ...],
    ntp: tuple[str, ...],
    interface: str,
) -> None:
    wanted = Network(
        interface=interface,
        method="static",
        addresses=addresses,
        gateways=gateways,
        dns=dns,
        domains=domains,
        ntp=ntp,
    )
    if not list(problems(wanted)):
        given_lines = len(addresses) + len(gateways) + len(dns) + len(domains) + len(ntp)
        empty = render(Network(interface="x", method="static"))
        assert len(render(wanted).splitlines()) == len(empty.splitlines()) + given_lines
