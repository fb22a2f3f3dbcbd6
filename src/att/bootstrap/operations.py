"""What of ATT's change of itself is public. Approving is not: operators do that at the SSH door, with the engine."""

from typing import cast

from att.bootstrap import schema
from att.bootstrap.engine import EngineProposals
from att.bootstrap.running import is_kept
from att.bootstrap.service import RELEASE, RUN, Cycles
from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.upgrade.client import EngineClient

QUEUE = "bootstrap"
UNDO_SECONDS_MAX = 3_600.0


async def _run(context: Context, request: schema.BootstrapRun) -> schema.BootstrapCycle:
    return await context.get(Cycles).run(context.caller, cast("Progress", context.progress), request)


async def _release(context: Context, request: schema.BootstrapNumber) -> schema.BootstrapCycle:
    return await context.get(Cycles).release(context.caller, cast("Progress", context.progress), request)


async def _propose(context: Context, request: schema.BootstrapPropose) -> schema.ProposalShown:
    return schema.proposal_shown(await context.get(Cycles).propose(request))


async def _status(context: Context, _: schema.BootstrapStatusRequest) -> schema.BootstrapStatus:
    engine = EngineProposals(context.get(EngineClient))
    return schema.status_shown(await engine.status(), await engine.ids())


async def _list(context: Context, request: schema.CycleList) -> schema.CyclePage:
    return await context.get(Cycles).list(request)


async def _show(context: Context, request: schema.CycleShow) -> schema.BootstrapCycle:
    return await context.get(Cycles).show(request.job_id)


async def _cancel(context: Context, request: schema.CycleShow) -> schema.BootstrapCycle:
    return await context.get(Cycles).cancel(request.job_id, context.caller)


def exit_code(cycle: schema.BootstrapCycle) -> int:
    """Return attctl's exit code of a cycle: 4 when what was asked for is not what runs."""
    return 0 if cycle.outcome is None or is_kept(cycle.outcome) else 4


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name=RUN,
        summary="Change ATT itself: branch, edit, test, pull request, checks, approval, merge, release, health",
        request=schema.BootstrapRun,
        result=schema.BootstrapCycle,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/bootstrap/cycles", status=202),
        handler=_run,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example='change.patch --title "Say hello" --wait',
        machine=True,
        exclusive=QUEUE,
        cancel_seconds=UNDO_SECONDS_MAX,
        exit_code=exit_code,
    ),
    Operation(
        name="att.bootstrap.propose",
        summary="Show the upgrade engine a pull request of project att, for operators to approve at the SSH door",
        request=schema.BootstrapPropose,
        result=schema.ProposalShown,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/bootstrap/pulls/{number}/propose", status=202),
        handler=_propose,
        kind=Kind.JOB,
        example="7 --wait",
        machine=True,
    ),
    Operation(
        name=RELEASE,
        summary="Have a merged pull request of project att built, signed and installed, under the health gate",
        request=schema.BootstrapNumber,
        result=schema.BootstrapCycle,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/bootstrap/pulls/{number}/release", status=202),
        handler=_release,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="7 --wait",
        machine=True,
        exclusive=QUEUE,
        cancel_seconds=UNDO_SECONDS_MAX,
        exit_code=exit_code,
    ),
    Operation(
        name="att.bootstrap.status",
        summary="Show what is proposed, approved, paused, held and released of changes of ATT itself",
        request=schema.BootstrapStatusRequest,
        result=schema.BootstrapStatus,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/bootstrap"),
        handler=_status,
        local=True,
        machine=True,
    ),
    Operation(
        name="att.bootstrap.list",
        summary="List changes of ATT itself, newest first",
        request=schema.CycleList,
        result=schema.CyclePage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/bootstrap/cycles"),
        handler=_list,
        machine=True,
    ),
    Operation(
        name="att.bootstrap.show",
        summary="Show one change of ATT itself: its steps with their evidence, its commits, its releases",
        request=schema.CycleShow,
        result=schema.BootstrapCycle,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/bootstrap/cycles/{job_id}"),
        handler=_show,
        example="job_4t0q9zv7m3c8x1ka",
        machine=True,
    ),
    Operation(
        name="att.bootstrap.cancel",
        summary="Stop a change of ATT itself, one's own or as operator anybody's; nothing of it is left",
        request=schema.CycleShow,
        result=schema.BootstrapCycle,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("POST", "/bootstrap/cycles/{job_id}/cancel"),
        handler=_cancel,
        example="job_4t0q9zv7m3c8x1ka",
        machine=True,
    ),
)
