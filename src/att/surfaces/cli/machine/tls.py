"""`attctl tls`: the certificate of the appliance port."""

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.tree import leaf

_BYTES_MAX = 200_000


def show() -> click.Command:
    """Reads a public file: works without the API, for whoever is at the SSH door."""

    def act() -> int:
        from att.appliance import facts
        from att.machine.tls.service import TlsService
        from att.machine.tls.world import Box, Nginx
        from att.surfaces.cli.machine.said import show as shown

        shown(TlsService(facts(), Nginx(facts()), Box(facts())).show())
        return OK

    return leaf("show", act, "Show the certificate of the appliance port", "attctl tls show")


def install() -> click.Command:
    """The key is root's and the front's: it never passes the API."""

    def act(cert: str, key: str) -> int:
        from att.appliance import facts
        from att.machine.audit.record import audit
        from att.machine.tls.service import TlsService
        from att.machine.tls.world import Box, Nginx
        from att.surfaces.cli.carrying import content
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root, who

        become_root("install the certificate")
        given = content(cert, "cert", _BYTES_MAX), content(key, "key", _BYTES_MAX)
        done = TlsService(facts(), Nginx(facts()), Box(facts())).install(*given)
        audit(facts(), "tls.install", who(), sha256=done.sha256, replaced=done.replaced, names=done.names)
        said.warn(done.warnings)
        said.show(done)
        return OK

    return leaf(
        "install",
        act,
        "Have the appliance port serve another certificate; open connections stay",
        "attctl tls install fullchain.pem privkey.pem",
        [click.Argument(["cert"], metavar="CERT"), click.Argument(["key"], metavar="KEY")],
        "\n\n\b\nArguments:\n  CERT  PEM file: the certificate, then those of its issuers (`-`: standard input)"
        "\n  KEY   PEM file: its private key without a passphrase (`-`: standard input)",
    )
