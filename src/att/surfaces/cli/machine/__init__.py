"""Commands of the operator's day: what root does to the machine at the SSH door, whatever the API is (ADR 0015)."""

from collections.abc import Mapping

from att.surfaces.cli.machine import audit, clock, disk, log, network, power, secrets, ssh_key, tls
from att.surfaces.cli.tree import Extra, Words

COMMANDS: Mapping[Words, Extra] = {
    ("audit", "verify"): audit.verify,
    ("disk", "show"): disk.show,
    ("disk", "grow"): disk.grow,
    ("log", "level"): log.level,
    ("network", "show"): network.show,
    ("network", "set"): network.describe,
    ("network", "apply"): network.apply,
    ("network", "confirm"): network.confirm,
    ("network", "revert"): network.revert,
    ("reboot",): power.reboot,
    ("poweroff",): power.poweroff,
    ("secrets", "rotate"): secrets.rotate,
    ("ssh-key", "add"): ssh_key.add,
    ("ssh-key", "list"): ssh_key.list_keys,
    ("ssh-key", "remove"): ssh_key.remove,
    ("time", "show"): clock.show,
    ("time", "accept"): clock.accept,
    ("tls", "show"): tls.show,
    ("tls", "install"): tls.install,
}
