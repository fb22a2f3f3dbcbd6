"""Checks a network description, and writes it as systemd.network(5). Pure."""

import ipaddress
import re
from collections.abc import Iterator

from att.machine.network.schema import Network

_INTERFACE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_DEADLINE = re.compile(r"# reverts at (\d+(?:\.\d+)?) seconds after boot\n")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_SMALL_PREFIX_V4 = 31


def problems(wanted: Network) -> Iterator[tuple[str, str]]:
    """Yield field and reason of each thing that cannot be; nothing for a network that may be tried."""
    if not _INTERFACE.fullmatch(wanted.interface):
        yield "interface", f"{wanted.interface!r} is no name of an interface"
    yield from _address_problems(wanted)
    yield from _gateway_problems(wanted)
    yield from ((field, f"{text!r} is no address or name") for field, text in _unusable(wanted))
    for field in ("addresses", "gateways", "dns", "domains", "ntp"):
        texts = getattr(wanted, field)
        if len(set(texts)) < len(texts):
            yield field, "one is given twice"


def warnings(wanted: Network) -> Iterator[str]:
    """Yield what may be meant and mostly is not."""
    if wanted.method == "static" and not wanted.gateways:
        yield "without a gateway only the machines of its own network reach it"
    if wanted.method == "static" and not wanted.dns:
        yield "without a name server nothing outside is found by its name"


def render(wanted: Network, deadline: float | None = None) -> str:
    """Return the .network file; `deadline` (seconds after boot) of a trial stands in it."""
    lines = ["# Written by `attctl network`: change it there."]
    if deadline is not None:
        lines.append(f"# reverts at {deadline:.1f} seconds after boot")
    lines += ["[Match]", f"Name={wanted.interface}", "", "[Network]"]
    lines += ["DHCP=yes" if wanted.method == "dhcp" else "DHCP=no", "LinkLocalAddressing=ipv6"]
    if wanted.method == "static":
        lines.append("IPv6AcceptRA=no")
    lines += [f"Address={one}" for one in wanted.addresses]
    lines += [f"Gateway={one}" for one in wanted.gateways]
    lines += [f"DNS={one}" for one in wanted.dns]
    lines += [f"Domains={one}" for one in wanted.domains]
    lines += [f"NTP={one}" for one in wanted.ntp]
    if wanted.method == "dhcp":
        for server, given in (("DHCPv4", True), ("DHCPv6", False), ("IPv6AcceptRA", False)):
            lines += ["", f"[{server}]", *(["UseDNS=no"] if wanted.dns else [])]
            lines += ["UseNTP=no"] if wanted.ntp and server != "IPv6AcceptRA" else []
            lines += ["UseDomains=yes"] if given and not wanted.domains else []
    lines += ["", "[Link]", "RequiredForOnline=routable"]
    return "\n".join(lines) + "\n"


def deadline_of(text: str) -> float | None:
    """Return when a trial's file says that it reverts, in seconds after boot."""
    found = _DEADLINE.search(text)
    return float(found[1]) if found else None


def _address_problems(wanted: Network) -> Iterator[tuple[str, str]]:
    for text in wanted.addresses:
        address = _interface(text)
        why = "is no address with its prefix, like 192.0.2.7/24" if address is None else _useless(address)
        if why:
            yield "address", f"{text!r} {why}"
    if wanted.method == "static" and not wanted.addresses:
        yield "address", "a static network needs an address"
    if wanted.method == "dhcp" and (wanted.addresses or wanted.gateways):
        yield "address", "with DHCP addresses and gateway come from the server"


def _unusable(wanted: Network) -> Iterator[tuple[str, str]]:
    yield from (("dns", text) for text in wanted.dns if _address(text) is None)
    yield from (("ntp", text) for text in wanted.ntp if _address(text) is None and not _NAME.fullmatch(text))
    yield from (("domain", text) for text in wanted.domains if not _NAME.fullmatch(text))


def _gateway_problems(wanted: Network) -> Iterator[tuple[str, str]]:
    addresses = [found for text in wanted.addresses if (found := _interface(text)) is not None]
    versions = []
    for text in wanted.gateways:
        gateway = _address(text)
        if gateway is None:
            yield "gateway", f"{text!r} is no address"
            continue
        versions.append(gateway.version)
        own = [one for one in addresses if one.version == gateway.version]
        if gateway in [one.ip for one in own]:
            yield "gateway", f"{text!r} is the machine's own address"
        elif not gateway.is_link_local and not any(gateway in one.network for one in own):
            yield "gateway", f"{text!r} is in none of the networks of its addresses"
    if len(set(versions)) < len(versions):
        yield "gateway", "there may be one for IPv4 and one for IPv6"


def _useless(address: _Interface) -> str:
    if address.ip.is_loopback or address.ip.is_multicast or address.ip.is_unspecified or address.ip.is_reserved:
        return "is no address of a machine"
    network = address.network
    if address.version == 4 and network.prefixlen < _SMALL_PREFIX_V4:
        if address.ip == network.network_address:
            return "is the name of its network, not an address in it"
        if address.ip == network.broadcast_address:
            return "is the broadcast address of its network"
    return ""


def _interface(text: str) -> _Interface | None:
    # networkd takes the number of bits alone, Python a netmask too.
    if not _PREFIX.fullmatch(text.partition("/")[2]) or "%" in text:
        return None
    try:
        return ipaddress.ip_interface(text)
    except ValueError:
        return None


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None
