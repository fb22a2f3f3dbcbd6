"""What is kept and what goes: after a commit, after a rollback, after a transaction that switched nothing."""

import contextlib
import re

from att_stage0 import services
from att_stage0.decision import version_key
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import UnitsFailed
from att_stage0.world import World

RELEASES_KEPT = 3
DATABASES_KEPT = 2


def drop(world: World, transaction: Transaction, *, code: str, detail: str) -> Transaction:
    """End a transaction that switched nothing: writes go on, what it unpacked and copied goes, then REFUSED."""
    forget_copies(world, transaction)
    disarm(world)
    return world.record(
        transaction.id, State.REFUSED, Phase.DONE, failure={"class": "refused", "code": code, "detail": detail}
    )


def disarm(world: World) -> None:
    """Take the watchdog's deadline away: its timer finds nothing to do."""
    world.unlink(world.layout.deadline)


def forget_copies(world: World, transaction: Transaction) -> None:
    """Remove staging, spool, the release this transaction installed, and the database copy it made."""
    forget_staging(world)
    links = world.links()
    if transaction.values.get("installed") and transaction.target not in (links.current, links.previous):
        world.remove_tree(world.layout.release(transaction.target))
    copy = transaction.database_target
    if copy and copy not in (transaction.database_source, links.database):
        world.remove_tree(world.layout.database.parent / copy)
        world.unlink(world.layout.databases / f"{copy}.json")


def forget_staging(world: World) -> None:
    """Remove what was unpacked and spooled."""
    for path in world.layout.journal_directory.glob(f"{world.layout.staging.name}*"):
        world.remove_tree(path)
    if world.layout.spool.is_dir():
        for path in world.layout.spool.iterdir():
            world.unlink(path)


def after_rollback(world: World, transaction: Transaction) -> None:
    """Remove the release that failed; a displaced database is kept, bounded in number."""
    forget_staging(world)
    links = world.links()
    gone = transaction.target not in (links.current, links.previous, transaction.source)
    if transaction.values.get("installed") and gone:
        world.remove_tree(world.layout.release(transaction.target))
    prune_databases(world)


def finish_commit(world: World, transaction: Transaction) -> Transaction:
    """Everything after the point of no return; may run again."""
    with contextlib.suppress(UnitsFailed):
        services.drop_fence(world)
    disarm(world)
    world.unlink(world.layout.maintenance)
    forget_staging(world)
    prune_releases(world)
    prune_databases(world)
    return world.record(transaction.id, State.COMMITTED, Phase.DONE, cleaned=True)


def prune_releases(world: World) -> None:
    """Keep the newest; never remove the current one, the rollback target, or one that a running unit uses."""
    links = world.links()
    try:
        used = world.units.command_lines()
    except UnitsFailed:
        return
    keep = {name for name in (links.current, links.previous) if name is not None}
    keep |= {name for name in links.releases if f"{world.layout.release(name)}/" in used}
    for name in sorted(links.releases, key=version_key, reverse=True):
        if len(keep) < RELEASES_KEPT:
            keep.add(name)
    for path in sorted(world.layout.releases.iterdir()):
        if path.name not in keep and not path.name.startswith("."):
            world.remove_tree(path)


def prune_databases(world: World) -> None:
    """Keep the live directory and the newest others."""
    live = world.links().database
    if live is None:
        return
    names = (path.name for path in world.layout.database.parent.iterdir() if re.fullmatch(r"db-\d+", path.name))
    others = sorted((name for name in names if name != live), key=lambda name: int(name[3:]), reverse=True)
    for name in others[DATABASES_KEPT:]:
        world.remove_tree(world.layout.database.parent / name)
        world.unlink(world.layout.databases / f"{name}.json")
