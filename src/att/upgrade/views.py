"""What the engine says without a turn: what an upgrade would do, where the appliance stands, what lies on disk."""

from collections.abc import Callable
from typing import Any

from att.kernel.errors import AttError
from att.release.installed import read_metadata
from att.upgrade import before
from att.upgrade.release_sources import JournalSource, RegistrySource, ServiceSource, first_answer
from att.upgrade.schema import Failure, Plan, PlanCheck, Release, ReleasePage
from att.upgrade.tools import Tools
from att_stage0.decision import version_key
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.world import World


def plan(tools: Tools, fd: int, *, force: bool) -> Plan:
    """Say what an upgrade with this bundle would do; changes nothing."""
    bundle = tools.open(fd)
    metadata, links = bundle.metadata, tools.world.links()
    live = links.databases.get(links.database or "")
    change = metadata.database.change_from(live.version) if live else metadata.database.change
    asked = Transaction("", State.IDLE, Phase.DONE, "", 0.0, values={"source": links.current, "target": ""})
    failures = {
        "bundle": _failure_of(lambda: before.check_bundle(tools, bundle, force=force)),
        "baseline": _failure_of(lambda: before.baseline(tools, asked)),
    }
    return Plan(
        version=metadata.version,
        digest=bundle.digest,
        current=links.current or "",
        kind="repair" if metadata.version == links.current else "upgrade",
        schema_version=metadata.database.version,
        schema_class=change,
        build_time=metadata.build_time,
        commit=metadata.commit,
        size_bytes=metadata.size,
        signed_by=list(bundle.signers.keyids),
        local=bundle.signers.local,
        refusal=next((one for one in failures.values() if one is not None), None),
        checks=[
            PlanCheck(name=name, status="failed" if bad else "ok", detail=bad.detail if bad else "")
            for name, bad in failures.items()
        ],
    )


def status(world: World) -> dict[str, Any]:
    """Links, the running transaction if any, whether people are needed."""
    links, newest = world.links(), world.transaction()
    released = first_answer([JournalSource(world), RegistrySource(world.layout), ServiceSource(world.readyz)])
    unfinished = newest is not None and not newest.finished
    return {
        "state": newest.state if newest else State.IDLE,
        "transaction": newest.id if newest and unfinished else None,
        "failed_safe": newest is not None and newest.state is State.FAILED_SAFE,
        "current": links.current,
        "previous": links.previous,
        "database": links.database,
        **released.release_ids(),
    }


def releases(tools: Tools) -> ReleasePage:
    """What lies on disk."""
    world = tools.world
    links = world.links()
    found = []
    for path in sorted(world.layout.releases.glob("[!.]*"), key=lambda one: version_key(one.name)):
        try:
            metadata = read_metadata(path)
        except AttError as error:
            found.append(Release(version=path.name, current=False, previous=False, problems=[error.detail]))
            continue
        found.append(
            Release(
                version=path.name,
                current=path.name == links.current,
                previous=path.name == links.previous,
                build_time=metadata.build_time,
                commit=metadata.commit,
                size_bytes=metadata.size,
                schema_version=metadata.database.version,
                problems=[] if path.name in links.releases else ["it is not complete"],
            )
        )
    bad = [{"version": version, "digest": digest} for version, digest in tools.machine().bad]
    return ReleasePage(releases=found[::-1], bad=bad)


def _failure_of(ask: Callable[[], object]) -> Failure | None:
    try:
        ask()
    except AttError as error:
        return Failure(code=error.code, detail=error.detail, hint=error.hint)
    return None
