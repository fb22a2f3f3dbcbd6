"""What goes by the site's proxy and what does not, which proxy may be, and how all of it is written down. Pure."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

SECTION = "[X-ATT]"
"""In the file of systemd.network(5) that holds: networkd leaves out what begins with X-."""
URL_CHARS_MAX = 300
_PROXY, _NO_PROXY, _AUTHORITY = "Proxy=", "NoProxy=", "Authority="
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
# What a resolver takes for an address however odd it is written: 127.1, 0x7f000001, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class LoginGiven(ValueError):
    """The address of a proxy holds a user or a password."""


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that takes CONNECT."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The form in which everybody writes it."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class Site:
    """What the site demands. `no_proxy` are names, addresses and networks that are reached without the proxy, as
    `no_proxy_of` gives them; `authorities` are certificates, each as base64 of its DER form.
    """

    proxy: Proxy | None = None
    no_proxy: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()

    def proxy_for(self, host: str) -> Proxy | None:
        """Return the proxy that leads to a host, None where it is reached directly; loopback always is."""
        if self.proxy is None or _is_loopback(host) or any(_holds(one, host) for one in self.no_proxy):
            return None
        return self.proxy


def proxy_of(text: str) -> Proxy:
    """Return the proxy of an address like http://proxy.example.org:3128.

    Raises LoginGiven, else ValueError with what is wrong: neither quotes the text, which may hold a password.
    """
    if "@" in text:
        raise LoginGiven("it holds a login")
    if len(text) > URL_CHARS_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it is too long, or has characters that no address has")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("its host or its port cannot be read") from None
    if parts.scheme != "http":
        raise ValueError(
            "it must begin with http://, for a proxy is asked in the clear for what is encrypted to its end"
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("it must end with its port")
    if not port:
        raise ValueError("it must name a port, like http://proxy.example.org:3128")
    address = address_of(host)
    why = proxy_address_problem(host) if address is not None else None
    if why:
        raise ValueError(why)
    if address is None and (not _NAME.fullmatch(host) or is_unclear(host)):
        raise ValueError("it names no host")
    return Proxy(host, port)


def proxy_address_problem(address: str) -> str | None:
    """Return why no proxy lives at an address, None where one may: on the local network too, or on this machine."""
    found = ipaddress.ip_address(address)
    inner = found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified or (inner.version == 4 and inner.is_reserved):
        return f"no proxy lives at {found}"
    return None


def no_proxy_of(text: str) -> str:
    """Return a name, address or network that is reached directly in its one form; a name stands for what is below too.

    Raises ValueError with what is wrong.
    """
    network = _network(text)
    if network is not None:
        return str(network)
    name = text.lower().removeprefix("*").removeprefix(".").removesuffix(".")
    if not _NAME.fullmatch(name) or is_unclear(name):
        raise ValueError(f"{text[:64]!r} is no name, address or network")
    return name


def is_unclear(host: str) -> bool:
    """Whether a host is no plain address and yet may be taken for one: behind a proxy nobody sees where it leads."""
    return address_of(host) is None and bool(_NUMBER.fullmatch(host.lower().rstrip(".").rpartition(".")[2]))


def written(site: Site) -> Iterator[str]:
    """Yield the lines of the section; none for a site that demands nothing."""
    if site == Site():
        return
    yield SECTION
    if site.proxy is not None:
        yield f"{_PROXY}{site.proxy.url}"
    yield from (f"{_NO_PROXY}{one}" for one in site.no_proxy)
    yield from (f"{_AUTHORITY}{one}" for one in site.authorities)


def site_of(text: str) -> Site:
    """Return what the section of a file says; a key of another release is left out. Raises ValueError."""
    lines = list(_section(text.splitlines()))
    proxies = [proxy_of(line.removeprefix(_PROXY)) for line in lines if line.startswith(_PROXY)]
    no_proxy = tuple(no_proxy_of(line.removeprefix(_NO_PROXY)) for line in lines if line.startswith(_NO_PROXY))
    authorities = tuple(line.removeprefix(_AUTHORITY) for line in lines if line.startswith(_AUTHORITY))
    if len(proxies) > 1:
        raise ValueError("it names more than one proxy")
    for one in authorities:
        try:
            base64.b64decode(one, validate=True)
        except binascii.Error:
            raise ValueError("a certificate in it is not whole") from None
    return Site(proxies[0] if proxies else None, no_proxy, authorities)


def _section(lines: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line.startswith("["):
            inside = line == SECTION
        elif inside:
            yield line


def _is_loopback(host: str) -> bool:
    address = address_of(host)
    return host == "localhost" or host.endswith(".localhost") if address is None else address.is_loopback


def _holds(entry: str, host: str) -> bool:
    network, address = _network(entry), address_of(host)
    if network is None or address is None:
        return network is None and address is None and (host == entry or host.endswith(f".{entry}"))
    return address in network


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "%" not in text else None
    except ValueError:
        return None


def address_of(text: str) -> _Address | None:
    """Return the address that a text is, None for anything else, an address with a zone too."""
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None
