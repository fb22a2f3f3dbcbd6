"""The steps that change nothing that runs: verify, stage, preflight, snapshot and migration of the copy."""

from pathlib import Path
from typing import Any

from att.effects import sealing_keys
from att.effects.filesystem import free_bytes, free_inodes, sync_directory
from att.health.decision import failed_checks
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, Refused, Unavailable
from att.release.bundle import Bundle
from att.release.install import seal
from att.release.installed import read_metadata, verify_release
from att.release.schema import Metadata
from att.upgrade import decision, going_back
from att.upgrade.databases import next_directory
from att.upgrade.decision import Refusal, Space
from att.upgrade.remembered import remember_database
from att.upgrade.tools import Tools
from att_stage0 import links as symlinks
from att_stage0 import rollback, services
from att_stage0.layout import API
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import UnitsFailed

_KINDS = {"disk_full": Unavailable, "disk_inodes": Unavailable, "from_version": Conflict, "version_same": Conflict}


def refuse(found: Refusal | None) -> None:
    """Raise a refusal as the error of ATT's tree."""
    if found is not None:
        raise _KINDS.get(found.code, Refused)(found.code, found.detail)


def check_bundle(tools: Tools, bundle: Bundle, *, force: bool) -> None:
    """Everything that can be said of a bundle without unpacking it; raises."""
    metadata = bundle.metadata
    refuse(decision.refusal(metadata, bundle.digest, tools.machine(), force=force))
    opt = tools.world.layout.opt
    needed = Space(str(opt), free_bytes(opt), free_inodes(opt), bundle.new_bytes(), len(metadata.files))
    refuse(decision.space_refusal(needed))


def verify(tools: Tools, transaction: Transaction, fd: int | None, attempt: int) -> tuple[Transaction, Bundle | None]:
    """VERIFIED: the bundle is ours, fits this machine, and is not what failed before; only records are written."""
    del attempt  # the record of the intent began the transaction
    world = tools.world
    if transaction.kind == "rollback":
        digest = going_back.verify_target(tools, transaction)
        return world.record(transaction.id, State.VERIFIED, Phase.DONE, digest=digest), None
    if fd is None:
        raise InvalidInput("bundle_unreadable", "cannot upgrade: no bundle came with the request", field="upload")
    bundle = tools.open(fd)
    kind = "repair" if bundle.metadata.version == transaction.source else "upgrade"
    known: dict[str, Any] = {"kind": kind, "target": bundle.metadata.version, "digest": bundle.digest}
    try:
        check_bundle(tools, bundle, force=bool(transaction.values.get("force")))
    except AttError as error:
        error.data |= {"values": known}
        raise
    return world.record(transaction.id, State.VERIFIED, Phase.DONE, **known), bundle


def stage(tools: Tools, transaction: Transaction, bundle: Bundle | None, attempt: int) -> Transaction:
    """STAGED: the release lies complete and durable under its final name."""
    world, target = tools.world, tools.release(transaction.target)
    there = transaction.target in world.links().releases
    world.record(
        transaction.id, State.STAGED, Phase.INTENT, attempt=attempt, installed=not there and bundle is not None
    )
    if bundle is not None and (not there or verify_release(target)):
        staging = world.layout.staging
        world.remove_tree(staging)
        world.before_effect("unpack")
        bundle.unpack(staging, lambda done, size: tools.tell("unpacking", 100.0 * done / max(size, 1)))
        _put_in_place(tools, staging, target, bundle.digest, there=there)
    return world.record(transaction.id, State.STAGED, Phase.DONE)


def _put_in_place(tools: Tools, staging: Path, target: Path, digest: str, *, there: bool) -> None:
    world = tools.world
    if there:
        # A damaged release that may be running: both directories change names at once.
        seal(staging, digest)
        world.before_effect("exchange release")
        symlinks.exchange(staging, target)
        world.remove_tree(staging)
        return
    world.remove_tree(target)
    world.before_effect("rename release")
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    staging.rename(target)
    sync_directory(target.parent)
    sync_directory(staging.parent)
    world.before_effect("seal release")
    seal(target, digest)


def repaired(tools: Tools, transaction: Transaction) -> Transaction:
    """The same version again is a repair: its files are right now; make it serve and prove it."""
    world = tools.world
    world.units.reload()
    services.assert_sockets(world, transaction.source)
    world.before_effect("restart services")
    world.units.restart(services.running(world.layout, transaction.source))
    detail = rollback.prove(world, transaction.source, transaction)
    if detail is not None:
        raise Failed("gate_failed", f"cannot repair {transaction.source}: {detail}")
    return world.record(transaction.id, State.COMMITTED, Phase.DONE)


def preflight(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """PREFLIGHT: the running release is healthy, database and disk allow it, the new release passes its self-test."""
    world = tools.world
    world.record(transaction.id, State.PREFLIGHT, Phase.INTENT, attempt=attempt)
    metadata = read_metadata(tools.release(transaction.target))
    values = baseline(tools, transaction)
    values |= _database(tools, transaction, metadata)
    if transaction.kind == "upgrade":
        tools.tell("self-test")
        seconds = tools.thresholds(transaction).self_test_seconds
        world.before_effect("self-test")
        began = world.clock.monotonic()
        said = tools.selftests.run(tools.release(transaction.target), _journal(tools), seconds)
        if said is not None:
            raise Refused("self_test_failed", f"cannot upgrade to {transaction.target}: its self-test failed: {said}")
        values |= {"self_test_seconds": round(world.clock.monotonic() - began, 3)}
    return world.record(transaction.id, State.PREFLIGHT, Phase.DONE, **values)


def baseline(tools: Tools, transaction: Transaction) -> dict[str, Any]:
    """Look at the running release; a sick one refuses the upgrade unless it is to be replaced on purpose."""
    world = tools.world
    wanted = tools.thresholds(transaction)
    listening = services.sockets(world.layout, transaction.source)
    look = tools.probe.look(transaction.source, listening, wanted.probe_timeout_seconds)
    failing = failed_checks(look, wanted.required, ())
    despite = bool(transaction.values.get("despite_baseline")) or transaction.kind == "rollback"
    if not despite:
        demand_no_rotation(tools, "upgrade", "--despite-baseline")
    if failing and not despite:
        raise Refused("baseline_sick", f"cannot upgrade: the running release is not healthy: {'; '.join(failing)}")
    try:
        invocation = world.units.state(f"{API}.service").invocation
    except UnitsFailed:
        invocation = ""
    own = sorted(name.removeprefix("ready.") for name, why in look.checks.items() if name.startswith("ready.") and why)
    return {
        "baseline_failing": own if failing and transaction.kind != "rollback" else [],
        "baseline": failing,
        "invocation": invocation,
        "invocation_boot": world.clock.boot_id(),
    }


def demand_no_rotation(tools: Tools, what: str, despite: str) -> None:
    """Raise Conflict(rotation_unfinished) while values may be sealed with a key that another release does not know."""
    if files := sealing_keys.unfinished(tools.facts):
        why = f"cannot {what}: a rotation of keys is unfinished: {', '.join(files)}"
        hint = f"finish it: attctl secrets rotate; where this release cannot, say {despite}"
        raise Conflict("rotation_unfinished", why, hint=hint)


def _database(tools: Tools, transaction: Transaction, metadata: Metadata) -> dict[str, Any]:
    world = tools.world
    live = world.links().database
    if live is None:
        raise Refused("database_missing", "cannot upgrade: there is no database yet")
    info = tools.databases.info(transaction.target, live)
    code = metadata.database
    refuse(decision.schema_refusal(code.version, info.schema, transaction.target))
    state = tools.facts.paths.api_state
    refuse(decision.space_refusal(Space(str(state), free_bytes(state), free_inodes(state), info.size, 10)))
    change = "none" if transaction.kind == "rollback" else code.change_from(info.schema.version)
    return {
        "database_source": live,
        "database_bytes": info.size,
        "schema_class": change,
        "schema_before": info.schema.version,
        "schema_min_reader": info.schema.min_reader,
        "schema_target": code.version,
    }


def snapshot(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """SNAPSHOT: a checked copy of the database; under the fence and migrated, where the schema changes."""
    world = tools.world
    change, live = transaction.schema_class, transaction.database_source
    if transaction.kind == "rollback":
        return world.record(transaction.id, State.SNAPSHOT, Phase.DONE, attempt=attempt, database_target=live)
    copy = next_directory(tools.facts.paths.api_state)
    world.record(transaction.id, State.SNAPSHOT, Phase.INTENT, attempt=attempt, database_target=copy)
    limits = tools.thresholds(transaction)
    target = transaction.target
    if change == "breaking":
        world.write(world.layout.fence, transaction.id + "\n")
    if change != "none":
        services.drop_lock(world)
        world.before_effect("take the write lock")
        tools.databases.hold_lock(target, live)
    world.before_effect("snapshot")
    tools.databases.snapshot(target, live, copy, limits.snapshot_seconds, tools.tell)
    version, reader = int(transaction.number("schema_before", 0)), int(transaction.number("schema_min_reader", 0))
    if change != "none":
        world.before_effect("migrate")
        schema = tools.databases.migrate(target, copy, limits.migrate_seconds, tools.tell)
        wanted = int(transaction.number("schema_target", -1))
        if schema.version != wanted:
            raise Failed(
                "migration_failed", f"cannot migrate: the copy is at schema {schema.version}, {wanted} was wanted"
            )
        version, reader = schema.version, schema.min_reader
    remember_database(world, copy, version=version, min_reader=reader, origin=live, release=target)
    return world.record(
        transaction.id, State.SNAPSHOT, Phase.DONE, database_target=live if change == "none" else copy, snapshot=copy
    )


def _journal(tools: Tools) -> bytes:
    try:
        return tools.world.layout.journal.read_bytes()
    except FileNotFoundError:
        return b""
