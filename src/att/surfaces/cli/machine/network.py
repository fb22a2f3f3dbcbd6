"""`attctl network`: the address of the machine, tried before it is kept."""

from typing import TYPE_CHECKING

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from att.machine.network.schema import NetworkShown
    from att.machine.network.service import NetworkService


def show() -> click.Command:
    """Reads files that everybody may read, for a machine that nobody reaches over the API."""

    def act() -> int:
        _tell(_service().show())
        return OK

    return leaf("show", act, "Show the network that is described, that holds, that is on trial", "attctl network show")


def describe() -> click.Command:
    """Whoever sets the address of the machine may cut everybody off: an operator at the SSH door alone."""

    def act(interface: str | None, dhcp: bool, **many: tuple[str, ...]) -> int:
        from att.kernel.errors import InvalidInput
        from att.machine.network.schema import Network
        from att.surfaces.cli.root import become_root

        if dhcp == bool(many["addresses"]):
            raise InvalidInput(
                "network_invalid", "cannot set the network: give either --dhcp or --address", field="address"
            )
        become_root("set the network")
        service, method = _service(), "dhcp" if dhcp else "static"
        given = {name: list(texts) for name, texts in many.items()}
        wanted = Network.model_validate({"interface": service.interface(interface), "method": method, **given})
        _done("set", service.set(wanted))
        return OK

    def several(flag: str, name: str, text: str) -> click.Option:
        return click.Option([f"--{flag}", name], multiple=True, help=text)

    return leaf(
        "set",
        act,
        "Describe the network; nothing changes before `attctl network apply`",
        "attctl network set --address 192.0.2.7/24 --gateway 192.0.2.1 --dns 192.0.2.53",
        [
            click.Option(["--interface"], help="Which, where there are several."),
            click.Option(["--dhcp"], is_flag=True, help="Take addresses from a DHCP server."),
            several("address", "addresses", "An address with its prefix; may be given again, also for IPv6."),
            several("gateway", "gateways", "Where the way out is, one for IPv4 and one for IPv6."),
            several("dns", "dns", "A name server; with --dhcp instead of those that it gives."),
            several("domain", "domains", "Where short names are looked up."),
            several("ntp", "ntp", "A time server, by address or name."),
        ],
    )


def apply() -> click.Command:
    """Works without the API, which this may take from everybody for two minutes."""

    def act(yes: bool) -> int:
        from att.surfaces.cli.root import become_root
        from att.surfaces.cli.run import confirm as ask

        become_root("apply the network")
        ask("Try the network that is described? This session may end; it reverts after 2 minutes.", yes=yes)
        _done("apply", _service().apply())
        return OK

    return leaf(
        "apply",
        act,
        "Try the described network; without `confirm` it reverts after 2 minutes, and at a reboot",
        "attctl network apply --yes",
        [yes_option()],
    )


def confirm() -> click.Command:
    """Said by somebody who came in over the new network, or still is."""

    def act() -> int:
        from att.surfaces.cli.root import become_root

        become_root("confirm the network")
        _done("confirm", _service().confirm())
        return OK

    return leaf("confirm", act, "Keep the network that is on trial, also over reboots", "attctl network confirm")


def revert() -> click.Command:
    """What the timer does, at once."""

    def act() -> int:
        from att.surfaces.cli.root import become_root

        become_root("revert the network")
        _done("revert", _service().revert())
        return OK

    return leaf("revert", act, "End a trial of the network at once", "attctl network revert")


def _service() -> "NetworkService":
    from att.appliance import facts
    from att.machine.network.service import NetworkService
    from att.machine.network.world import Networkd

    return NetworkService(facts(), Networkd(facts()))


def _done(what: str, shown: "NetworkShown") -> None:
    from att.appliance import facts
    from att.machine.audit.record import audit
    from att.surfaces.cli.root import who

    wanted = shown.wanted.model_dump(mode="json") if shown.wanted else None
    audit(facts(), f"network.{what}", who(), network=wanted, in_force=shown.in_force)
    _tell(shown)


def _tell(shown: "NetworkShown") -> None:
    from att.surfaces.cli.machine import said

    said.warn(shown.warnings)
    if shown.in_force == "trial":
        said.warn([f"on trial for {shown.seconds_left} s more: keep it with `attctl network confirm`"])
    said.show(shown)
