"""The network as an operator describes it, and what `attctl network` shows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Network(BaseModel):
    """One interface: by DHCP, or with addresses of its own. The file is /etc/att/network.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interface: str = Field(max_length=15)
    method: Literal["dhcp", "static"] = "dhcp"
    addresses: tuple[str, ...] = Field((), max_length=8, description="With prefix: 192.0.2.7/24")
    gateways: tuple[str, ...] = Field((), max_length=2, description="One for IPv4, one for IPv6")
    dns: tuple[str, ...] = Field((), max_length=4, description="Name servers; with DHCP instead of those it gives")
    domains: tuple[str, ...] = Field((), max_length=8, description="Where short names are looked up")
    ntp: tuple[str, ...] = Field((), max_length=4, description="Time servers")


class NetworkShown(BaseModel):
    """What is wanted, what holds, and what the machine has now."""

    wanted: Network | None = Field(description="What `network set` described last")
    in_force: Literal["default", "kept", "trial"] = Field(description="default: DHCP, or what cloud-init set")
    kept: bool = Field(description="Whether what is wanted holds also after a reboot")
    seconds_left: int | None = Field(description="Until a trial reverts by itself")
    addresses: list[str] = Field(description="`INTERFACE ADDRESS` of the machine now")
    warnings: list[str]
