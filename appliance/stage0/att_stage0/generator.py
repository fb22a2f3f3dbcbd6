"""Links the units of one release for systemd, at boot and at each daemon-reload; writes nothing but those links.

A systemd generator runs before everything, recovery included, so it asks the same decision that recovery makes durable.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from att_stage0 import links as symlinks
from att_stage0 import services
from att_stage0.decision import Chosen, choose
from att_stage0.journal import decode
from att_stage0.layout import APPLIANCE_TOML, ENGINE, Layout
from att_stage0.transaction import fold
from att_stage0.world import SystemClock, read_links

TARGET = "att.target"
_ENGINE = f"{ENGINE}.service"


def chosen(layout: Layout, boot: str) -> Chosen:
    """The decision for this boot, from journal and disk."""
    try:
        data = layout.journal.read_bytes()
    except OSError:
        data = b""
    transactions = fold(decode(data).records)
    return choose(transactions[-1] if transactions else None, read_links(layout), boot)


def wanted(layout: Layout, decided: Chosen) -> tuple[str, ...]:
    """The services that start with the machine; the others start when their socket is first asked.

    In the middle of a transaction all do: a trial judges each of them, and somebody has to prove it or finish the way
    back, without waiting for a first client.
    """
    if decided.release is None:
        return ()
    if not decided.unfinished:
        return services.at_boot(layout, decided.release)
    carried = services.carried(layout, decided.release)
    return (*services.running(layout, decided.release), *(name for name in carried if name == _ENGINE))


def generate(layout: Layout, out: Path, decided: Chosen) -> list[str]:
    """Link services and wants below `out`; returns the names of what was linked."""
    if decided.release is None:
        return []
    made = []
    wants = out / f"{TARGET}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name in services.carried(layout, decided.release):
        owner = decided.engine if name == _ENGINE and decided.engine is not None else decided.release
        unit = layout.release(owner) / "systemd" / name
        (out / name).symlink_to(unit if unit.exists() else layout.release(decided.release) / "systemd" / name)
        made.append(name)
    for name in wanted(layout, decided):
        (wants / name).symlink_to(Path("..") / name)
    for name in services.sockets(layout, decided.release):
        (wants / name).symlink_to(layout.image_units / name)
        made.append(name)
    return made


def main(arguments: Sequence[str] | None = None, facts: Path = APPLIANCE_TOML) -> int:
    """`generator NORMAL [EARLY LATE]`, as systemd calls it. Whatever goes wrong, the machine still boots."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        print("usage: generator NORMAL-DIR [EARLY-DIR LATE-DIR]", file=sys.stderr)  # noqa: T201
        return 2
    layout = Layout.read(facts)
    try:
        decided = chosen(layout, SystemClock().boot_id())
    except Exception as error:  # noqa: BLE001 -- outermost handler: a fault here must not cost the boot its services
        print(f"att-generator: {error}; taking the current link", file=sys.stderr)  # noqa: T201
        current = symlinks.read(layout.current)
        decided = Chosen(current, current, unfinished=False)
    generate(layout, Path(given[0]), decided)
    return 0
