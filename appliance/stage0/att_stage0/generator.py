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


def chosen(layout: Layout, boot: str) -> Chosen:
    """The decision for this boot, from journal and disk."""
    try:
        data = layout.journal.read_bytes()
    except OSError:
        data = b""
    transactions = fold(decode(data).records)
    return choose(transactions[-1] if transactions else None, read_links(layout), boot)


def generate(layout: Layout, out: Path, decided: Chosen) -> list[str]:
    """Link services and wants below `out`; returns the names of what was linked."""
    if decided.release is None:
        return []
    engine = f"{ENGINE}.service"
    made = []
    wants = out / f"{TARGET}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name in services.carried(layout, decided.release):
        owner = decided.engine if name == engine and decided.engine is not None else decided.release
        unit = layout.release(owner) / "systemd" / name
        (out / name).symlink_to(unit if unit.exists() else layout.release(decided.release) / "systemd" / name)
        made.append(name)
    wanted = list(services.running(layout, decided.release))
    if decided.unfinished and engine in made:
        # Somebody has to prove the trial or finish the way back, without waiting for a first client.
        wanted.append(engine)
    for name in wanted:
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
