"""Hosts, ports and addresses: what the policy names is reached, and nothing that is not of the public internet ever."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from att.config.settings import EGRESS_ENTRY
from att.egress import decision
from att.egress.decision import Client, Refusal, Target

DEMO = Client("prj_1", "demo")
LABEL = st.text("abcxyz019-", min_size=1, max_size=6)
HOST = st.lists(LABEL, min_size=2, max_size=5).map(".".join)
UNIT = Path(__file__).parents[3] / "systemd" / "att-egress.service"


def judged(target: Target, *entries: str, client: Client = DEMO) -> str | None:
    found = decision.refusal(client, target, decision.allowances(entries))
    return found.code if found else None


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("demo=api.example.org", "api.example.org", 443),
        ("demo=api.example.org", "api.example.org", 22),
        ("prj_1=api.example.org", "api.example.org", 443),
        ("*=api.example.org", "api.example.org", 443),
        ("demo=API.Example.org", "api.example.org", 443),
        ("demo=*.example.org", "api.example.org", 443),
        ("demo=*.example.org", "a.b.example.org", 443),
        ("demo=api.example.org:8443", "api.example.org", 8443),
        ("demo=93.184.215.14", "93.184.215.14", 443),
    ],
)
def test_what_an_entry_names_is_allowed(entry: str, host: str, port: int) -> None:
    assert re.search(EGRESS_ENTRY, entry)
    assert judged(Target(host, port), entry) is None


@pytest.mark.parametrize(
    ("entries", "host", "port"),
    [
        ([], "api.example.org", 443),
        (["other=api.example.org"], "api.example.org", 443),
        (["demo=api.example.org"], "example.org", 443),
        (["demo=api.example.org"], "evil-api.example.org", 443),
        (["demo=*.example.org"], "example.org", 443),
        (["demo=*.example.org"], ".example.org", 443),
        (["demo=*.example.org"], "evilexample.org", 443),
        (["demo=*.example.org"], "api.example.org.evil.net", 443),
        (["demo=api.example.org"], "api.example.org", 80),
        (["demo=api.example.org:8443"], "api.example.org", 443),
        (["demo=api.example.org:8443"], "api.example.org", 22),
    ],
)
def test_whatever_no_entry_names_is_denied(entries: list[str], host: str, port: int) -> None:
    assert judged(Target(host, port), *entries) == "egress_denied"


@given(HOST, HOST)
def test_a_host_is_matched_by_itself_and_a_star_by_what_lies_below_alone(host: str, other: str) -> None:
    assert decision.matches(host, host)
    assert decision.matches(f"*.{host}", f"{other}.{host}")
    assert not decision.matches(f"*.{host}", host)
    assert not decision.matches(f"*.{host}", f"{other}{host}".replace(f".{host}", host))
    assert decision.matches(host, other) == (host == other)


@given(st.text(max_size=60), HOST)
def test_no_text_before_a_host_passes_for_a_name_below_it(text: str, host: str) -> None:
    whole = f"{text}{host}"
    assert decision.matches(f"*.{host}", whole) == (text.endswith(".") and len(text) > 1)


@pytest.mark.parametrize(
    "entry",
    [
        "api.example.org",
        "demo=",
        "demo=*",
        "demo=*.org",
        "demo=localhost",
        "demo=https://example.org",
        "demo=example.org/path",
        "demo=example.org:0",
        "demo=example.org:65536",
        "demo=a.*.org",
        "Demo=example.org",
        "demo=ex ample.org",
    ],
)
def test_an_entry_that_would_allow_what_nobody_means_is_no_entry(entry: str) -> None:
    assert not re.search(EGRESS_ENTRY, entry)


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"CONNECT api.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", Target("api.example.org", 443)),
        (b"CONNECT API.Example.ORG.:8443 HTTP/1.0\r\n\r\n", Target("api.example.org", 8443)),
        (b"CONNECT [2001:DB8::1]:443 HTTP/1.1\r\n\r\n", Target("2001:db8::1", 443)),
        (b"CONNECT 10.0.0.1:22 HTTP/1.1\r\n\r\n", Target("10.0.0.1", 22)),
    ],
)
def test_a_request_names_host_and_port(line: bytes, target: Target) -> None:
    assert decision.target_of(line) == target


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://example.org/secret HTTP/1.1\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"CONNECT example.org HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT example.org:0 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT example.org:65536 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT user@example.org:443 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT example.org:443/x HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT example.org:443 HTTP/2.0\r\n\r\n", 400),
        (b"CONNECT exam\0ple.org:443 HTTP/1.1\r\n\r\n", 400),
        (b"connect example.org:443 HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"", 400),
    ],
)
def test_anything_else_is_refused_without_a_word_of_what_it_asked(line: bytes, status: int) -> None:
    found = decision.target_of(line)
    assert isinstance(found, Refusal)
    assert found.status == status
    assert "secret" not in found.detail


@given(st.binary(max_size=300))
@example(b"CONNECT a.b:443 HTTP/1.1\r\n")
def test_whatever_is_taken_for_a_target_is_a_plain_host_in_lower_case_and_a_port(head: bytes) -> None:
    found = decision.target_of(head)
    if isinstance(found, Target):
        assert re.fullmatch(r"[a-z0-9.:-]+", found.host)
        assert 1 <= found.port <= 65_535


NOBODY = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2001::1",
    "2002:7f00:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", NOBODY)
def test_an_address_that_is_not_of_the_public_internet_is_reached_by_nobody(address: str) -> None:
    assert decision.address_problem(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "140.82.121.4", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_an_address_of_the_public_internet_is_reached(address: str) -> None:
    assert decision.address_problem(address) is None


@given(st.ip_addresses(v=4))
def test_no_address_that_the_standard_library_calls_private_is_reached(address: IPv4Address) -> None:
    for text in (str(address), f"::ffff:{address}", str(IPv6Address(int(ip_address("64:ff9b::")) + int(address)))):
        reached = decision.address_problem(text) is None
        assert not reached or (address.is_global and not address.is_multicast), text


@given(st.ip_addresses(v=6))
def test_no_such_address_of_the_sixth_version_either(address: IPv6Address) -> None:
    reached = decision.address_problem(str(address)) is None
    assert not reached or (address.is_global and not address.is_multicast)


@given(st.ip_addresses())
def test_this_machine_is_reached_at_none_of_its_addresses(address: IPv4Address | IPv6Address) -> None:
    assert decision.address_problem(str(address), own=str(address))


def test_both_ends_may_differ() -> None:
    assert decision.address_problem("1.1.1.1", own="192.168.1.5") is None


def test_the_hint_is_an_entry_that_allows_it() -> None:
    for target, entry in (
        (Target("api.example.org", 443), "demo=api.example.org"),
        (Target("api.example.org", 8443), "demo=api.example.org:8443"),
    ):
        assert f"`- {entry}`" in decision.how_to_allow(DEMO, target)
        assert judged(target, entry) is None


def test_the_kernel_denies_the_unit_every_network_that_the_proxy_denies() -> None:
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if line.startswith("IPAddressDeny=")]
    words = {word for line in lines for word in line.partition("=")[2].split()}
    networks = {ip_network(word) for word in words - {"localhost", "link-local", "multicast"}}
    assert set(decision.DENIED_V4) | set(decision.DENIED_V6) <= networks
    assert {"localhost", "link-local", "multicast"} <= words
