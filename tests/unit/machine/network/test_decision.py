"""What may be the network of a machine, and how systemd-networkd is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.machine.network.decision import deadline_of, problems, render, warnings
from att.machine.network.schema import Network

STATIC = {
    "interface": "ens3",
    "method": "static",
    "addresses": ("192.0.2.7/24", "2001:db8::7/64"),
    "gateways": ("192.0.2.1", "fe80::1"),
    "dns": ("192.0.2.53",),
    "domains": ("example.org",),
    "ntp": ("ntp.example.org", "192.0.2.123"),
}


def network(**other: Any) -> Network:
    return Network.model_validate({**STATIC, **other})


def fields(**other: Any) -> set[str]:
    return {field for field, _ in problems(network(**other))}


def test_a_whole_network_has_no_problem_and_no_warning() -> None:
    assert list(problems(network())) == []
    assert list(warnings(network())) == []
    assert list(problems(Network(interface="eth0"))) == []
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
