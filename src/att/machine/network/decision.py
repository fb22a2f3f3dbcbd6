"""Checks a network description, and writes it as systemd.network(5). Pure."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from att.machine.network.schema import AUTHORITIES_MAX, NO_PROXY_MAX, Network
from att.machine.tls.decision import Certificate
from att.site.decision import Site, address_of, no_proxy_of, proxy_of, written

_INTERFACE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_DEADLINE = re.compile(r"# reverts at (\d+(?:\.\d+)?) seconds after boot\n")
_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_SMALL_PREFIX_V4 = 31
_NO_INTERFACE = "!*"
_ALLOW = "IPAddressAllow="
_LINK = ("interface", "method", "addresses", "gateways", "dns", "domains", "ntp")
_SOON = timedelta(days=30)


@dataclass(frozen=True)
class Change:
    """What `network set` was given; what is not named stays as it was described.

    `link` is a network whose address part is meant. A `proxy` comes with its `no_proxy`; those alone are for the proxy
    that is described. `authorities` are all that there shall be.
    """

    link: Network | None = None
    proxy: str | None = None
    no_proxy: tuple[str, ...] = ()
    without_proxy: bool = False
    authorities: tuple[str, ...] | None = None


def changed(former: Network | None, change: Change) -> Network:
    """Return the description after a change."""
    found = former or Network()
    if change.link is not None:
        found = found.model_copy(update={name: getattr(change.link, name) for name in _LINK})
    if change.proxy is not None or change.without_proxy:
        found = found.model_copy(update={"proxy": change.proxy, "no_proxy": change.no_proxy})
    elif change.no_proxy:
        found = found.model_copy(update={"no_proxy": change.no_proxy})
    if change.authorities is not None:
        found = found.model_copy(update={"authorities": change.authorities})
    return found


def site_described(wanted: Network) -> Site:
    """Return what a description says of the site; raises ValueError for one that has problems."""
    proxy = proxy_of(wanted.proxy) if wanted.proxy is not None else None
    return Site(proxy, tuple(no_proxy_of(text) for text in wanted.no_proxy), wanted.authorities)


def problems(wanted: Network) -> Iterator[tuple[str, str]]:
    """Yield field and reason of each thing that cannot be; nothing for a network that may be tried."""
    if wanted.interface is not None and not _INTERFACE.fullmatch(wanted.interface):
        yield "interface", f"{wanted.interface!r} is no name of an interface"
    yield from _address_problems(wanted)
    yield from _gateway_problems(wanted)
    yield from ((field, f"{text!r} is no address or name") for field, text in _unusable(wanted))
    yield from _site_problems(wanted)
    for field in ("addresses", "gateways", "dns", "domains", "ntp", "no_proxy"):
        texts = getattr(wanted, field)
        if len(set(texts)) < len(texts):
            yield field, "one is given twice"


def warnings(wanted: Network) -> Iterator[str]:
    """Yield what may be meant and mostly is not."""
    if wanted.method == "static" and not wanted.gateways:
        yield "without a gateway only the machines of its own network reach it"
    if wanted.method == "static" and not wanted.dns:
        yield "without a name server nothing outside is found by its name"


def authority_problems(certificates: Sequence[Certificate], now: datetime) -> Iterator[str]:
    """Yield why certificates cannot be those of authorities to trust."""
    for one in certificates:
        if not one.authority:
            yield f"{one.subject} is the certificate of no authority"
        if one.valid_until <= now:
            yield f"{one.subject} expired on {one.valid_until:%Y-%m-%d}"
        if one.valid_from > now:
            yield f"{one.subject} is not valid before {one.valid_from:%Y-%m-%d}"


def authority_warnings(certificates: Sequence[Certificate], now: datetime) -> Iterator[str]:
    """Yield which authorities will soon prove nothing any more, or do so no longer."""
    for one in certificates:
        if one.valid_until <= now:
            yield f"the authority {one.subject} expired on {one.valid_until:%Y-%m-%d}: nobody believes it any more"
        elif one.valid_until - now < _SOON:
            yield f"the authority {one.subject} expires on {one.valid_until:%Y-%m-%d}"


def admits(addresses: Sequence[str]) -> str:
    """Return the drop-in by which the kernel lets the way out reach these addresses, a proxy's, whatever it denies."""
    lines = ["# Written by `attctl network`: where the site's proxy is.", "[Service]"]
    return "\n".join([*lines, *(f"{_ALLOW}{one}" for one in dict.fromkeys(addresses))]) + "\n"


def admitted(text: str) -> list[str]:
    """Return the addresses in such a drop-in."""
    return [line.removeprefix(_ALLOW) for line in text.splitlines() if line.startswith(_ALLOW)]


def render(wanted: Network, deadline: float | None = None) -> str:
    """Return the .network file; `deadline` (seconds after boot) of a trial stands in it."""
    lines = ["# Written by `attctl network`: change it there."]
    if deadline is not None:
        lines.append(f"# reverts at {deadline:.1f} seconds after boot")
    lines += _link(wanted) if wanted.interface is not None else ["[Match]", f"Name={_NO_INTERFACE}"]
    site = list(written(site_described(wanted)))
    return "\n".join([*lines, *(["", *site] if site else [])]) + "\n"


def interface_of(text: str) -> str:
    """Return the interface whose file that is, empty where it is about none."""
    found = next((line.partition("=")[2] for line in text.splitlines() if line.startswith("Name=")), "")
    return "" if found == _NO_INTERFACE else found


def _link(wanted: Network) -> list[str]:
    lines = ["[Match]", f"Name={wanted.interface}", "", "[Network]"]
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
    return [*lines, "", "[Link]", "RequiredForOnline=routable"]


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


def _site_problems(wanted: Network) -> Iterator[tuple[str, str]]:
    if wanted.no_proxy and wanted.proxy is None:
        yield "no_proxy", "without a proxy everything is reached directly"
    if len(wanted.no_proxy) > NO_PROXY_MAX:
        yield "no_proxy", f"more than {NO_PROXY_MAX} are given"
    if len(wanted.authorities) > AUTHORITIES_MAX:
        yield "authorities", f"more than {AUTHORITIES_MAX} are given"
    if wanted.proxy is not None and (why := _refusal(proxy_of, wanted.proxy)):
        yield "proxy", f"its proxy cannot be: {why}"
    yield from (("no_proxy", why) for text in wanted.no_proxy if (why := _refusal(no_proxy_of, text)))


def _refusal(read: Callable[[str], object], text: str) -> str:
    try:
        read(text)
    except ValueError as error:
        return str(error)
    return ""


def _unusable(wanted: Network) -> Iterator[tuple[str, str]]:
    yield from (("dns", text) for text in wanted.dns if address_of(text) is None)
    yield from (("ntp", text) for text in wanted.ntp if address_of(text) is None and not _NAME.fullmatch(text))
    yield from (("domain", text) for text in wanted.domains if not _NAME.fullmatch(text))


def _gateway_problems(wanted: Network) -> Iterator[tuple[str, str]]:
    addresses = [found for text in wanted.addresses if (found := _interface(text)) is not None]
    versions = []
    for text in wanted.gateways:
        gateway = address_of(text)
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
