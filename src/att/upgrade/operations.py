"""The public operations of upgrade, rollback, repair and release: each asks the engine over its socket."""

from pathlib import Path
from typing import Any

from att.kernel.codes import CODES
from att.kernel.errors import Failed, InvalidInput, Refused, Unavailable
from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.upgrade import emergency
from att.upgrade.client import EngineClient
from att.upgrade.schema import (
    ApplyRequest,
    HistoryRequest,
    Plan,
    PlanRequest,
    ReleaseListRequest,
    ReleasePage,
    Repaired,
    RepairRequest,
    RollbackRequest,
    ShowRequest,
    Transaction,
    TransactionPage,
)

ENGINE_SECONDS = 30.0
_INPUT = frozenset({"bundle_unreadable", "bundle_foreign", "bundle_product"})


async def plan(context: Context, request: PlanRequest) -> Plan:
    """Look at a bundle."""
    args = {"force": request.force}
    engine = context.get(EngineClient)
    return Plan.model_validate(
        await engine.call_with_file("plan", Path(request.upload), args, request_id=context.request_id)
    )


async def apply(context: Context, request: ApplyRequest) -> Transaction:
    """Install a bundle; a resumed run follows the transaction that the first one began."""
    engine, args = context.get(EngineClient), {"force": request.force, "despite_baseline": request.despite_baseline}

    async def begin() -> dict[str, Any]:
        return await engine.call_with_file("apply", Path(request.upload), args, request_id=context.request_id)

    return await _follow(context, begin)


async def rollback(context: Context, request: RollbackRequest) -> Transaction:
    """Go back to a retained release."""
    engine = context.get(EngineClient)

    async def begin() -> dict[str, Any]:
        args = {"to": request.to, "override": request.override}
        return await engine.call("rollback", args, request_id=context.request_id)

    try:
        await demand_engine(context)
        return await _follow(context, begin)
    except Unavailable as error:
        demand_emergency(context, error)
        return await emergency.rollback(request.to, context.caller.name, override=request.override)


async def repair(context: Context, request: RepairRequest) -> Repaired:  # noqa: ARG001 -- nothing to choose
    """Verify and restart the current release."""
    try:
        await demand_engine(context)
        found = await context.get(EngineClient).call("repair", {}, request_id=context.request_id)
    except Unavailable as error:
        demand_emergency(context, error)
        return await emergency.repair()
    return Repaired.model_validate(found)


async def demand_engine(context: Context) -> None:
    """See that an engine answers at all: one that starts and dies leaves its clients waiting at the socket."""
    await context.get(EngineClient).call("status", {}, seconds=ENGINE_SECONDS)


def demand_emergency(context: Context, error: Unavailable) -> None:
    """Go on without an engine only at the SSH door, and only where none answers; else raise what happened."""
    begun = context.progress is not None and context.progress.job_id
    if error.code != "engine_unavailable" or context.caller.door != "ssh" or begun:
        raise error


async def show(context: Context, request: ShowRequest) -> Transaction:
    """Show one transaction."""
    engine = context.get(EngineClient)
    return Transaction.model_validate(await engine.call("show", {"transaction": request.transaction}))


async def history(context: Context, request: HistoryRequest) -> TransactionPage:
    """List transactions."""
    return TransactionPage.model_validate(await context.get(EngineClient).call("history", {"limit": request.limit}))


async def releases(context: Context, request: ReleaseListRequest) -> ReleasePage:  # noqa: ARG001 -- nothing to choose
    """List releases."""
    return ReleasePage.model_validate(await context.get(EngineClient).call("releases", {}))


async def _follow(context: Context, begin: Any) -> Transaction:
    """Begin once, then follow to the verdict."""
    progress = context.progress
    if progress is None:
        raise Failed("internal", "cannot follow the transaction: the job has no progress")
    known = await progress.state()
    transaction = str(known.get("transaction") or "")
    if not transaction:
        transaction = str((await begin())["transaction"])
        await progress.remember(transaction=transaction)
    ended: dict[str, Any] = {}
    async for item in context.get(EngineClient).watch(transaction, cursor=int(known.get("cursor") or 0)):
        if "result" in item:
            ended = item["result"]
        else:
            await _tell(progress, item)
    return verdict(Transaction.model_validate(ended))


async def _tell(progress: Progress, item: dict[str, Any]) -> None:
    name = " ".join(part for part in (str(item.get("state") or ""), str(item.get("notes") or "")) if part)
    await progress.step(name, percent=item.get("percent"), deadline=item.get("deadline_seconds"))
    if item.get("cursor"):
        note = f": {item['note']}" if item.get("note") else ""
        await progress.log(f"{item.get('state')} {item.get('phase')}{note}")
        await progress.remember(cursor=item["cursor"])


def verdict(view: Transaction) -> Transaction:
    """Return a transaction that changed something, whichever way it went; raise what refused it before."""
    if view.verdict != "refused":
        return view
    failure = view.failure
    code = failure.code if failure and failure.code in CODES else "internal"
    detail = failure.detail if failure else "it ended without a reason"
    if code in _INPUT:
        raise InvalidInput(code, detail, field="upload", data={"transaction": view.id})
    raise Refused(code, detail, data={"transaction": view.id})


def exit_code(view: Transaction) -> int:
    """0 for a release that is kept, 4 for one that was rolled back."""
    return 0 if view.verdict == "committed" else 4


OPERATIONS = (
    Operation(
        name="att.upgrade.plan",
        summary="Say what an upgrade with a bundle would do, and whether it would be taken",
        request=PlanRequest,
        result=Plan,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("POST", "/upgrade/plan"),
        handler=plan,
        kind=Kind.CONTENT,
        example="att-1.2.3.attb",
        local=True,
        machine=True,
        exit_code=lambda result: 0 if result.refusal is None else 1,
    ),
    Operation(
        name="att.upgrade.apply",
        summary="Upgrade to the release in a bundle; it proves itself healthy or rolls back by itself",
        request=ApplyRequest,
        result=Transaction,
        effect=Effect.CHANGE,
        role=Role.ADMIN,
        route=Route("POST", "/upgrade/apply", status=202),
        handler=apply,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        exit_code=exit_code,
        example="att-1.2.3.attb --wait",
        local=True,
        machine=True,
    ),
    Operation(
        name="att.upgrade.show",
        summary="Show a transaction of the upgrade engine, the newest where none is named",
        request=ShowRequest,
        result=Transaction,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/upgrade/{transaction}"),
        handler=show,
        example="txn_4t0q9zv7m3c8x1ka",
        local=True,
        machine=True,
    ),
    Operation(
        name="att.upgrade.history",
        summary="List upgrades, rollbacks and repairs, newest first",
        request=HistoryRequest,
        result=TransactionPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/upgrade/history"),
        handler=history,
        local=True,
        machine=True,
    ),
    Operation(
        name="att.rollback",
        summary="Go back to a retained release",
        request=RollbackRequest,
        result=Transaction,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.ADMIN,
        route=Route("POST", "/rollback", status=202),
        handler=rollback,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        exit_code=exit_code,
        example="--to 1.2.2 --wait",
        local=True,
        machine=True,
    ),
    Operation(
        name="att.repair",
        summary="Finish what was interrupted, verify the running release and make it serve",
        request=RepairRequest,
        result=Repaired,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.ADMIN,
        route=Route("POST", "/repair"),
        handler=repair,
        local=True,
        machine=True,
        exit_code=lambda result: 0 if result.healthy else 4,
    ),
    Operation(
        name="att.release.list",
        summary="List the releases on disk: current, rollback target, retained",
        request=ReleaseListRequest,
        result=ReleasePage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/releases"),
        handler=releases,
        local=True,
        machine=True,
    ),
)
