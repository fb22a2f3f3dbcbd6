"""`attctl network`: the address of the machine, the site's proxy and authorities, tried before they are kept."""

from typing import TYPE_CHECKING, Any

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from att.machine.network.schema import Network, NetworkShown
    from att.machine.network.service import NetworkService

_CA_BYTES_MAX = 200_000
_SET_EXAMPLES = (
    "attctl network set --address 192.0.2.7/24 --gateway 192.0.2.1 --dns 192.0.2.53",
    "attctl network set --interface ens4 --address 2001:db8::7/64 --domain example.org",
    "attctl network set --dhcp --ntp ntp.example.org",
    "attctl network set --proxy http://proxy.example.org:3128 --no-proxy example.org --no-proxy 10.0.0.0/8",
    "attctl network set --ca site-ca.pem",
    "attctl network set --without-proxy --without-ca",
)


def show() -> click.Command:
    """Reads files that everybody may read, for a machine that nobody reaches over the API."""

    def act() -> int:
        _tell(_service().show())
        return OK

    return leaf("show", act, "Show the network that is described, that holds, that is on trial", "attctl network show")


def describe() -> click.Command:
    """Whoever sets the address of the machine may cut everybody off: an operator at the SSH door alone."""

    def act(
        proxy: str | None,
        no_proxy: tuple[str, ...],
        without_proxy: bool,
        ca: str | None,
        without_ca: bool,
        **link: Any,
    ) -> int:
        from att.machine.network.authorities import read_authorities
        from att.machine.network.decision import Change
        from att.machine.network.service import refuse_login
        from att.surfaces.cli.carrying import content
        from att.surfaces.cli.root import become_root

        if without_proxy and (proxy or no_proxy):
            raise _invalid("give either --proxy or --without-proxy", "proxy")
        if without_ca and ca:
            raise _invalid("give either --ca or --without-ca", "ca")
        named = _names_link(**link)
        if not (named or proxy or no_proxy or without_proxy or ca or without_ca):
            raise _invalid("say what: --dhcp or --address, --proxy, --ca", "address")
        # Before sudo, which writes the words of a command to a log.
        refuse_login(proxy)
        become_root("set the network")
        service = _service()
        authorities = () if without_ca else read_authorities(content(ca, "ca", _CA_BYTES_MAX)) if ca else None
        found = _link(service, **link) if named else None
        _done("set", service.set(Change(found, proxy, no_proxy, without_proxy, authorities)))
        return OK

    def several(flag: str, name: str, text: str) -> click.Option:
        return click.Option([f"--{flag}", name], multiple=True, help=text)

    return leaf(
        "set",
        act,
        "Describe the network; what is not named stays, and nothing changes before `attctl network apply`",
        "\n  ".join(_SET_EXAMPLES),
        [
            click.Option(["--interface"], help="Which, where there are several."),
            click.Option(["--dhcp"], is_flag=True, help="Take addresses from a DHCP server."),
            several("address", "addresses", "An address with its prefix; may be given again, also for IPv6."),
            several("gateway", "gateways", "Where the way out is, one for IPv4 and one for IPv6."),
            several("dns", "dns", "A name server; with --dhcp instead of those that it gives."),
            several("domain", "domains", "Where short names are looked up."),
            several("ntp", "ntp", "A time server, by address or name."),
            click.Option(
                ["--proxy"], metavar="URL", help="The HTTP proxy that leads out: http://proxy.example.org:3128."
            ),
            several("no-proxy", "no_proxy", "Reached without it: example.org and below, 192.0.2.9, 10.0.0.0/8."),
            click.Option(["--without-proxy"], is_flag=True, help="Reach everything directly."),
            click.Option(
                ["--ca"],
                metavar="FILE",
                help="PEM file of authorities to trust beside the public ones (`-`: standard input).",
            ),
            click.Option(["--without-ca"], is_flag=True, help="Trust the public ones alone."),
        ],
    )


def _names_link(*, dhcp: bool, interface: str | None, **many: tuple[str, ...]) -> bool:
    """Return whether the address part is described; raises InvalidInput for half of one."""
    named = dhcp or any(many.values()) or interface is not None
    if named and dhcp == bool(many["addresses"]):
        raise _invalid("give either --dhcp or --address", "address")
    return named


def _link(service: "NetworkService", *, dhcp: bool, interface: str | None, **many: tuple[str, ...]) -> "Network":
    from att.machine.network.schema import Network

    method = "dhcp" if dhcp else "static"
    return Network.model_validate({"interface": service.interface(interface), "method": method, **many})


def _invalid(why: str, field: str) -> Exception:
    from att.kernel.errors import InvalidInput

    return InvalidInput("network_invalid", f"cannot set the network: {why}", field=field)


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
