"""What may leave the appliance: which hosts a project may reach, at which ports, and which addresses nobody may."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PORTS = (443, 22)
"""The ports that an entry without one allows: HTTPS, and SSH for git."""
ANY_PROJECT = "*"
DENIED_V4 = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's address translation; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's agent, at an address that looks public
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of a retired transition
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # measurements
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
DENIED_V6 = tuple(
    IPv6Network(one)
    for one in (
        "2001::/23",  # protocol assignments, tunnels among them, which may lead to any IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # a tunnel to any IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_LINE_END = b"\r\n"
_REQUEST = re.compile(
    rb"CONNECT (\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)\.?:([0-9]{1,5}) HTTP/1\.[01]"
)
_METHOD = re.compile(rb"[A-Z]{1,20} ")


@dataclass(frozen=True)
class Target:
    """Where a project wants to go: a host as it was named, in lower case, and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class Client:
    """Which project asks: its id and its short name; either may stand in the policy."""

    project_id: str
    slug: str


@dataclass(frozen=True)
class Allowance:
    """One entry of the policy; without a port it allows `PORTS`."""

    project: str
    host: str
    port: int | None


@dataclass(frozen=True)
class Refusal:
    """Why a connection is not made: HTTP status, stable code, one sentence."""

    status: int
    code: str
    detail: str


def allowances(entries: Iterable[str]) -> tuple[Allowance, ...]:
    """Return the policy that the setting `egress.allow` is: `PROJECT=HOST` or `PROJECT=HOST:PORT` each."""
    found = []
    for entry in entries:
        project, _, rest = entry.partition("=")
        host, _, port = rest.partition(":")
        found.append(Allowance(project, host.lower(), int(port) if port else None))
    return tuple(found)


def target_of(head: bytes) -> Target | Refusal:
    """Return where the head of a request wants to go; only its first line counts."""
    line = head.partition(_LINE_END)[0]
    found = _REQUEST.fullmatch(line)
    if found is None:
        if _METHOD.match(line) and not line.startswith(b"CONNECT "):
            return Refusal(405, "egress_method", "cannot pass this on: the way out takes CONNECT alone, so use https")
        return Refusal(400, "egress_malformed", "cannot read the request: it is no CONNECT to HOST:PORT")
    host, port = found[1].decode("ascii").lower().strip("[]"), int(found[2])
    if not 1 <= port <= 65_535:
        return Refusal(400, "egress_malformed", f"cannot connect: {port} is no port")
    return Target(host, port)


def matches(pattern: str, host: str) -> bool:
    """Whether a host is the one that is named, or with `*.` lies below it, at any depth."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def allowed_to(client: Client, policy: Sequence[Allowance]) -> tuple[Allowance, ...]:
    """Return the part of the policy that is about this project."""
    return tuple(one for one in policy if one.project in (ANY_PROJECT, client.project_id, client.slug))


def refusal(client: Client, target: Target, policy: Sequence[Allowance]) -> Refusal | None:
    """Return why the project may not reach the target, None when the policy allows it; what it does not name is not."""
    for one in allowed_to(client, policy):
        if matches(one.host, target.host) and target.port in (PORTS if one.port is None else (one.port,)):
            return None
    named = f"{target.host}:{target.port}"
    return Refusal(403, "egress_denied", f"cannot reach {named}: the project {client.slug} may not")


def how_to_allow(client: Client, target: Target) -> str:
    """Return what an operator does so that the project may reach the target."""
    port = "" if target.port in PORTS else f":{target.port}"
    entry = f"{client.slug}={target.host}{port}"
    return (
        f"an operator allows it at the SSH door: `- {entry}` below egress.allow in att.yaml, then attctl config apply"
    )


def address_problem(address: str, own: str | None = None) -> str | None:
    """Return why nobody may be connected to an address, None for one of the public internet.

    `own` is the near end of a connection that stands: where both ends are one, it leads back to this machine.
    """
    found = ip_address(address)
    if own is not None and ip_address(own) == found:
        return f"{found} is this machine"
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or (IPv4Address(int(found) & 0xFFFF_FFFF) if found in _NAT64 else None)
        if inner is None:
            public = found in GLOBAL_V6 and not any(found in network for network in DENIED_V6)
            return None if public else f"{found} is not an address of the public internet"
        found = inner
    if any(found in network for network in DENIED_V4):
        return f"{found} is not an address of the public internet"
    return None
