"""The past: finished transactions leave the journal for a file of one JSON line each; views of both."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from att.kernel.codes import CODES
from att.upgrade.release_sources import decision_undone, ids_of
from att.upgrade.schema import Failure, Passage, RollbackPolicy, Verdict
from att.upgrade.schema import Transaction as View
from att_stage0.journal import Record
from att_stage0.policy.decision import PHASE as POLICY_PHASE
from att_stage0.transaction import State, Transaction, fold
from att_stage0.world import World, append_line

FILE = "history.jsonl"
KEPT = 200
_VERDICTS: dict[State, Verdict] = {
    State.COMMITTED: "committed",
    State.ROLLED_BACK: "rolled_back",
    State.FAILED_SAFE: "failed_safe",
    State.REFUSED: "refused",
}


def view(transaction: Transaction, records: Iterable[Record], *, boot: str, monotonic: float, now: float) -> View:
    """What people see of a transaction."""
    deadline = None
    if transaction.deadline is not None and transaction.boot == boot and transaction.state not in _VERDICTS:
        deadline = _when(now + transaction.deadline - monotonic)
    log = transaction.values.get("log")
    return View(
        id=transaction.id,
        kind=transaction.kind,
        state=transaction.state,
        phase=transaction.phase,
        verdict=_VERDICTS.get(transaction.state, "running"),
        source=transaction.source,
        target=transaction.target,
        schema_class=str(transaction.values["schema_class"]) if "schema_class" in transaction.values else None,
        started=_when(transaction.number("began", transaction.at)),
        finished=_when(transaction.at) if transaction.state in _VERDICTS else None,
        deadline=deadline,
        failure=_failure(transaction),
        passages=[_passage(record) for record in records if record.transaction == transaction.id],
        by=str(transaction.values.get("by", "")),
        attempt=transaction.attempt,
        baseline_failing=list(transaction.baseline_failing),
        log=log if isinstance(log, str) else None,
        start_seconds=transaction.number("start_seconds", 0.0) or None,
        **ids_of(transaction).model_dump(),
        **_policy(transaction),
    )


def _policy(transaction: Transaction) -> dict[str, Any]:
    values = {} if decision_undone(transaction) else transaction.values
    return {name: values.get(name) for name in RollbackPolicy.model_fields}


def _failure(transaction: Transaction) -> Failure | None:
    told = transaction.failure
    if not told:
        return None
    default = "failed_safe" if transaction.state is State.FAILED_SAFE else "gate_failed"
    code = str(told.get("code", default))
    return Failure(
        code=code,
        detail=str(told.get("detail", "")),
        hint=CODES.get(code, ""),
        failure_class=str(told.get("class", "refused")),
    )


def _passage(record: Record) -> Passage:
    body = record.body
    values = body.get("set")
    known = values if isinstance(values, dict) else {}
    failure, phase = known.get("failure"), str(body.get("phase"))
    note = str(failure.get("detail", "")) if isinstance(failure, dict) else ""
    if phase == POLICY_PHASE:
        note = f"{known.get('rollback_policy_status')}, {known.get('rollback_policy_reason')}"
    return Passage(
        cursor=record.sequence,
        state=str(body.get("state")),
        phase=phase,
        at=_when(float(body.get("at", 0.0))),
        note=note,
    )


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def archive(world: World) -> None:
    """Move what is finished out of the journal, all but the last; may run again after a crash."""
    records = world.journal.read().records
    found = fold(records)
    if not found or not found[-1].finished or len(found) < 2:
        return
    path = world.layout.upgrade_state / FILE
    known = {one.id for one in past(world)}
    for transaction in found[:-1]:
        if transaction.id not in known:
            append_line(path, view(transaction, records, boot="", monotonic=0.0, now=0.0).model_dump(mode="json"))
    world.journal.compact(keep=found[-1].id)


def past(world: World) -> list[View]:
    """What the file holds, oldest first; a line that is torn or of an unknown form is passed over: it stops nobody."""
    try:
        lines = (world.layout.upgrade_state / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [found for line in lines[-KEPT:] if (found := _read(line))]


def everything(world: World) -> list[View]:
    """Past and present, newest first."""
    records = world.journal.read().records
    clock = world.clock
    boot, monotonic, now = clock.boot_id(), clock.monotonic(), clock.now()
    present = [view(one, records, boot=boot, monotonic=monotonic, now=now) for one in fold(records)]
    ids = {one.id for one in present}
    return [*reversed(present), *reversed([one for one in past(world) if one.id not in ids])]


def _read(line: str) -> View | None:
    try:
        return View.model_validate_json(line)
    except ValueError:
        return None
