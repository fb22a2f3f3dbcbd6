"""Where a provider may live: any http(s) address an operator names, but never a metadata service or a multicast one."""

import ipaddress
from urllib.parse import urlsplit

from att.kernel.errors import InvalidInput

URL_CHARS_MAX = 500
# Metadata services answer there: AWS and its likes over IPv6, Alibaba, Oracle.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
_SHARED = ipaddress.ip_network("64:ff9b::/96")


def checked_base_url(text: str) -> str:
    """Return the address without a slash at its end; raises InvalidInput(invalid_input) for one that may not be."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise _wrong(f"{error}") from error
    if parts.scheme not in ("http", "https"):
        raise _wrong("it must begin with http:// or https://")
    if not parts.hostname or port == 0:
        raise _wrong("it names no host")
    if parts.username is not None or parts.password is not None:
        raise _wrong("it must hold no user and no password: give the key by itself")
    if parts.query or parts.fragment or not text.isascii() or any(char.isspace() for char in text.strip()):
        raise _wrong("it must be an address like https://host/v1, with no query")
    if is_denied(parts.hostname):
        raise _wrong("no provider lives at a link-local, metadata or multicast address")
    return parts.geturl().rstrip("/")


def is_denied(host: str) -> bool:
    """Whether `host` is an IP address that is never asked; names are judged by what they resolve to."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _SHARED or address.sixtofour is not None:
            embedded = address.sixtofour or ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            return _is_denied(embedded)
    return _is_denied(address)


def _is_denied(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA


def _wrong(why: str) -> InvalidInput:
    return InvalidInput("invalid_input", f"cannot use the base_url: {why}", field="base_url")
