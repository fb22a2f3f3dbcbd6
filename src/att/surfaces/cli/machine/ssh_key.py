"""`attctl ssh-key`: who enters at the SSH door."""

from typing import TYPE_CHECKING

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from att.machine.ssh.service import SshKeyService

USER = "operator"
_BYTES_MAX = 200_000


def add() -> click.Command:
    """The door itself: nobody who comes by the API may open it to others."""

    def act(key: str, comment: str | None) -> int:
        from att.surfaces.cli.carrying import content
        from att.surfaces.cli.machine import said

        keys = _keys("add an SSH key")
        text = content(key, "key", _BYTES_MAX).decode("utf-8", "replace")
        done = keys.add(text, comment)
        for one in done.items:
            _audit("add", fingerprint=one.fingerprint, comment=one.comment)
        said.show(done)
        return OK

    return leaf(
        "add",
        act,
        f"Let a key in as {USER}; one that is there already changes nothing",
        'attctl ssh-key add ~/.ssh/id_ed25519.pub --comment "Ann"',
        [
            click.Argument(["key"], metavar="FILE"),
            click.Option(["--comment"], help="Another comment than the file's own."),
        ],
        "\n\n\b\nArguments:\n  FILE  Public keys, one a line, as in *.pub (`-`: standard input)",
    )


def list_keys() -> click.Command:
    """Shows what sshd reads, also where the API is down."""

    def act() -> int:
        from att.surfaces.cli.machine import said

        keys = _keys("list the SSH keys")
        said.show(keys.show())
        if strange := keys.strange():
            said.warn([f"{strange} further lines of the file are no keys"])
        return OK

    return leaf("list", act, f"List the keys that open the SSH door as {USER}", "attctl ssh-key list")


def remove() -> click.Command:
    """A lost key is closed out at once, whatever else is broken."""

    def act(key: str, yes: bool) -> int:
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.run import confirm

        keys = _keys("remove an SSH key")
        confirm(f"Let {key} in no more?", yes=yes)
        done = keys.remove(key, last=yes)
        for one in done.items:
            _audit("remove", fingerprint=one.fingerprint, comment=one.comment, left=done.left)
        if not done.left:
            said.warn([f"no key lets {USER} in over SSH any more: do not leave before you have added one"])
        said.show(done)
        return OK

    return leaf(
        "remove",
        act,
        "Let a key in no more; the last one only with --yes",
        "attctl ssh-key remove SHA256:AbC123",
        [click.Argument(["key"]), yes_option()],
        "\n\n\b\nArguments:\n  KEY  Its fingerprint, the beginning of it, or its comment",
    )


def _keys(what: str) -> "SshKeyService":
    from att.machine.ssh.service import SshKeyService
    from att.machine.ssh.world import SshKeygen, account_of
    from att.surfaces.cli.root import become_root

    become_root(what)
    return SshKeyService(account_of(USER), SshKeygen())


def _audit(what: str, **extra: object) -> None:
    from att.appliance import facts
    from att.machine.audit.record import audit
    from att.surfaces.cli.root import who

    audit(facts(), f"ssh_key.{what}", who(), **extra)
