"""The network as an operator describes it, and what `attctl network` shows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

AUTHORITIES_MAX = 10
NO_PROXY_MAX = 32


class Described(BaseModel):
    """One interface: by DHCP, or with addresses of its own; and the proxy that leads on from there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interface: str | None = Field(None, max_length=15, description="None: its address is not set by `attctl network`")
    method: Literal["dhcp", "static"] = "dhcp"
    addresses: tuple[str, ...] = Field((), max_length=8, description="With prefix: 192.0.2.7/24")
    gateways: tuple[str, ...] = Field((), max_length=2, description="One for IPv4, one for IPv6")
    dns: tuple[str, ...] = Field((), max_length=4, description="Name servers; with DHCP instead of those it gives")
    domains: tuple[str, ...] = Field((), max_length=8, description="Where short names are looked up")
    ntp: tuple[str, ...] = Field((), max_length=4, description="Time servers")
    proxy: str | None = Field(None, description="The HTTP proxy that leads to the internet")
    no_proxy: tuple[str, ...] = Field((), description="What is reached without it: names, addresses, networks")


class Network(Described):
    """All that is described. The file is /etc/att/network.json."""

    authorities: tuple[str, ...] = Field((), description="The site's own, each as base64 of its DER form")


class Authority(BaseModel):
    """A certificate authority of the site's own."""

    subject: str
    valid_until: str
    sha256: str = Field(description="Digest of its certificate")


class Wanted(Described):
    """What is described, with its authorities as people know them."""

    authorities: tuple[Authority, ...]


class NetworkShown(BaseModel):
    """What is wanted, what holds, and what the machine has now."""

    wanted: Wanted | None = Field(description="What `network set` described last")
    in_force: Literal["default", "kept", "trial"] = Field(description="default: DHCP, or what cloud-init set")
    kept: bool = Field(description="Whether what is wanted holds also after a reboot")
    seconds_left: int | None = Field(description="Until a trial reverts by itself")
    addresses: list[str] = Field(description="`INTERFACE ADDRESS` of the machine now")
    proxy: str | None = Field(description="The HTTP proxy that ATT and its apps go by now")
    no_proxy: list[str] = Field(description="What they reach without it")
    authorities: list[Authority] = Field(description="Those of the site's own that they trust now")
    warnings: list[str]
