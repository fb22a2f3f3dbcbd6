"""The engine: begins transactions, one at a time, and drives each to its verdict, through its own death if need be."""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from att.kernel.errors import AttError, Conflict, Failed, NotFound, Refused, Unavailable
from att.kernel.ids import new_id
from att.release.bundle import Bundle
from att.release.installed import verify_release
from att.release.tree import disk_error, disk_errors
from att.upgrade import after, before, decision, going_back, history, views
from att.upgrade.decision import Refusal, Step, next_step
from att.upgrade.remembered import remember_database
from att.upgrade.schema import Plan, ReleasePage, Repaired
from att.upgrade.schema import Transaction as View
from att.upgrade.tools import Tools
from att_stage0 import cleanup, rollback, services
from att_stage0.policy.decision import Override
from att_stage0.recover import recover
from att_stage0.recover import repair as repair_by_stage0
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import UnitsFailed
from att_stage0.verdicts import Actor, Reenter
from att_stage0.world import Busy

log = structlog.get_logger(__name__)
_UNCHANGED = (State.VERIFIED, State.STAGED, State.PREFLIGHT, State.SNAPSHOT)
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_TAKE_OVER_SECONDS = 30.0
_START_UP_SECONDS = 10.0
"""How long a first request waits for the look back at which the engine starts."""


@dataclass(frozen=True)
class Asked:
    """Who asked for a transaction, and how."""

    by: str
    request_id: str = ""
    force: bool = False
    despite_baseline: bool = False
    override: Override = Override.NONE
    """Of the rollback policy, for a rollback that was asked for."""
    cycle: str = ""
    """The job of a change of the appliance by itself; the journal keeps it."""


@dataclass
class Progress:
    """What goes on within the present state; not durable."""

    note: str = ""
    percent: float | None = None

    def __call__(self, note: str, percent: float | None = None) -> None:
        """Take a report."""
        self.note, self.percent = note, percent


class Engine:
    """One appliance's upgrade engine. `apply` and `rollback` return at once; their work goes on in a thread.

    `on_commit` is called when another release than the engine's own, `release`, was committed: nothing begins then.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        release: str = "",
        on_commit: Callable[[], None] = lambda: None,
        threaded: bool = True,
    ) -> None:
        self._threaded = threaded
        self._release = release
        self._leaving = False
        self._tools = tools
        self._world = tools.world
        self._on_commit = on_commit
        self._turn = threading.Lock()
        self._worker: threading.Thread | None = None
        self.progress = Progress()
        tools.tell = self.progress

    def resume(self) -> None:
        """Finish or revert what an earlier engine left, in a thread."""
        if self._turn.acquire(blocking=False):
            self._start(self._take_over)

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the present work; False when it takes longer."""
        if self._worker is not None:
            self._worker.join(timeout_seconds)
            return not self._worker.is_alive()
        return True

    def apply(self, fd: int, asked: Asked, release_fd: Callable[[], None] = lambda: None) -> str:
        """Begin an upgrade with the bundle in `fd`; returns the transaction's id. Conflict(upgrade_running).

        `release_fd` is called once, when nobody reads `fd` any more: also where no upgrade began.
        """
        with contextlib.ExitStack() as given:
            given.callback(release_fd)
            self._refuse_failed_safe(asked)
            return self._begin("upgrade", asked, fd=fd, given=given)

    def rollback(self, to: str | None, asked: Asked) -> str:
        """Begin going back to a retained release; returns the transaction's id.

        Raises Conflict(rotation_unfinished) unless that is overridden: where the release cannot finish a rotation.
        """
        if asked.override is not Override.ALLOW:
            before.demand_no_rotation(self._tools, "roll back", "--override")
        target = going_back.demand_allowed(self._tools, to, asked.override, asked.by)
        return self._begin("rollback", asked, target=target)

    def repair(self) -> Repaired:
        """Finish what is unfinished, verify the current release's files, make it serve."""
        with self._exclusive():
            self._finish_unfinished()
            current = self._world.links().current
            problems = verify_release(self._tools.release(current)) if current else []
            detail = repair_by_stage0(self._world)
        listed = [f"{problem.path}: {problem.detail}" for problem in problems[:50]]
        healthy = detail is None and not listed
        return Repaired(healthy=healthy, release=current or "", detail=detail or "", problems=listed)

    def prepare(self) -> str:
        """Make the database where there is none; returns its directory's name. May run again."""
        with self._exclusive():
            links = self._world.links()
            if links.database is not None:
                return links.database
            if links.current is None:
                raise Failed("database_missing", "cannot make the database: there is no release")
            info = self._tools.databases.create(links.current, "db-1")
            schema = info.schema
            remember_database(
                self._world,
                "db-1",
                version=schema.version,
                min_reader=schema.min_reader,
                origin="",
                release=links.current,
            )
            self._world.switch(self._world.layout.database, "db-1")
            return "db-1"

    def sweep(self) -> None:
        """Remove what retention no longer keeps."""
        with self._exclusive():
            self._world.sweep()
            cleanup.prune_releases(self._world)
            cleanup.prune_databases(self._world)

    def plan(self, fd: int, *, force: bool) -> Plan:
        """Say what an upgrade with this bundle would do; changes nothing."""
        return views.plan(self._tools, fd, force=force)

    def show(self, transaction: str) -> View:
        """One transaction, or the `newest`; NotFound."""
        for found in history.everything(self._world):
            if transaction in ("newest", found.id):
                running = found.verdict == "running" and self.busy
                step = {"notes": self.progress.note or None, "percent": self.progress.percent} if running else {}
                return found.model_copy(update=step)
        raise NotFound("not_found", f"cannot find the transaction {transaction[:64]}")

    def history(self, limit: int) -> list[View]:
        """Newest first."""
        return history.everything(self._world)[:limit]

    def status(self) -> dict[str, Any]:
        """Links, the running transaction if any, whether people are needed."""
        return views.status(self._world)

    def releases(self) -> ReleasePage:
        """What lies on disk."""
        return views.releases(self._tools)

    def demand_idle(self) -> None:
        """Raise Conflict(upgrade_running) while a transaction is worked on, before a bundle is copied for nothing."""
        self._take_turn()
        self._turn.release()

    @property
    def busy(self) -> bool:
        """Whether a transaction is worked on here."""
        return self._turn.locked()

    def _refuse_failed_safe(self, asked: Asked) -> None:
        newest = self._world.transaction()
        if newest is not None and newest.state is State.FAILED_SAFE and not asked.despite_baseline:
            raise Refused("failed_safe", "cannot upgrade: the last upgrade and its rollback failed")

    def _begin(
        self,
        kind: str,
        asked: Asked,
        *,
        target: str | None = None,
        fd: int | None = None,
        given: contextlib.ExitStack | None = None,
    ) -> str:
        """Record the intent and start its work, which closes `given` at its end; until then the caller does."""
        self._take_turn()
        held = contextlib.ExitStack()
        try:
            self._lock(held)
            self._finish_unfinished()
            history.archive(self._world)
            with disk_errors(self._world.layout.journal_directory):
                self._world.journal.reserve()
            links = self._world.links()
            transaction = self._world.record(
                new_id("txn"),
                State.VERIFIED,
                Phase.INTENT,
                kind=kind,
                source=links.current or "",
                target=target or "",
                began=self._world.clock.now(),
                by=asked.by,
                request_id=asked.request_id,
                context=self._tools.context().value,
                override=asked.override is Override.ALLOW,
                force=asked.force,
                despite_baseline=asked.despite_baseline,
                cycle=asked.cycle,
            )
        except BaseException:
            held.close()
            self._turn.release()
            raise
        if given is not None:
            held.push(given.pop_all())
        self._start(lambda: self._run(transaction, held, fd))
        return transaction.id

    def _take_turn(self) -> None:
        newest = self._world.transaction()
        # With nothing unfinished it is the look back of the engine's start, or the end of a commit: over at once.
        patience = _START_UP_SECONDS if newest is None or newest.finished else 0.0
        if not self._turn.acquire(timeout=patience):
            raise self._running()
        # Judged in turn: who waited for the end of a commit would begin in a process that is about to end.
        if self._leaving:
            self._turn.release()
            why = "the engine hands over to that of the new release"
            raise Unavailable("engine_leaving", f"cannot begin: {why}", retry_after_seconds=1)

    def _lock(self, held: contextlib.ExitStack) -> None:
        try:
            with disk_errors(self._world.layout.lock):
                held.enter_context(self._world.lock())
        except Busy as error:
            raise self._running() from error

    def _running(self) -> Conflict:
        newest = self._world.transaction()
        running = newest if newest is not None and not newest.finished else None
        who = f"{running.id}, asked for by {running.values.get('by') or 'an operator'}" if running else "a recovery"
        data = {"transaction": running.id} if running else {}
        return Conflict("upgrade_running", f"cannot begin: {who} is running", data=data)

    def _finish_unfinished(self) -> None:
        newest = self._world.transaction()
        if newest is None or newest.finished:
            return
        verdict, newest = recover(self._world, Actor.ENGINE)
        if isinstance(verdict, Reenter) and newest is not None:
            raise Conflict("upgrade_running", f"cannot begin: {newest.id} is in its trial")

    def _start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                self._turn.release()

        if not self._threaded:
            run()
            return
        self._worker = threading.Thread(target=run, name="transaction", daemon=True)
        self._worker.start()

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._take_turn()
        try:
            with contextlib.ExitStack() as held:
                self._lock(held)
                yield
        finally:
            self._turn.release()

    def _take_over(self) -> None:
        with self._world.lock(wait_seconds=_TAKE_OVER_SECONDS):
            verdict, transaction = recover(self._world, Actor.ENGINE)
            if transaction is None:
                return
            if isinstance(verdict, Reenter):
                self._drive(transaction, None, attempt=verdict.attempt)
        self._hand_over(self._world.transaction())

    def _run(self, transaction: Transaction, held: contextlib.ExitStack, fd: int | None) -> None:
        with held:
            self._drive(transaction, fd)
        self._hand_over(self._world.transaction())

    def _hand_over(self, transaction: Transaction | None) -> None:
        committed = transaction is not None and transaction.state is State.COMMITTED
        if committed and self._world.links().current != self._release:
            self._leaving = True
            self._on_commit()

    def _drive(self, transaction: Transaction, fd: int | None, attempt: int = 1) -> None:
        bundle: Bundle | None = None
        try:
            while (step := next_step(transaction)) is not Step.STOP:
                self.progress("")
                if step is Step.VERIFY:
                    transaction, bundle = before.verify(self._tools, transaction, fd, attempt)
                elif step is Step.STAGE:
                    transaction = before.stage(self._tools, transaction, bundle, attempt)
                    if transaction.kind == "repair":
                        transaction = before.repaired(self._tools, transaction)
                else:
                    transaction = self._step(step, transaction, attempt)
                attempt = 1
        except (AttError, OSError, UnitsFailed, after.TrialFailed) as error:
            self._fail(error)
        except Exception as error:
            # The outermost handler of a transaction: a fault in our own code must not leave a fence up for good.
            log.exception("a step of the transaction has a fault")
            self._fail(error)

    def _step(self, step: Step, transaction: Transaction, attempt: int) -> Transaction:
        match step:
            case Step.PREFLIGHT:
                return before.preflight(self._tools, transaction, attempt)
            case Step.SNAPSHOT:
                return before.snapshot(self._tools, transaction, attempt)
            case Step.SWITCH:
                return after.switch(self._tools, transaction, attempt)
            case Step.RESTART:
                return after.restart(self._tools, transaction, attempt)
            case Step.PROVE:
                return after.prove(self._tools, transaction, attempt)
            case Step.COMMIT:
                return after.commit(self._tools, transaction, attempt)
            case Step.CLEAN:
                return after.clean(self._tools, transaction)
            case _:
                raise AssertionError(step)

    def _fail(self, error: Exception) -> None:
        try:
            self._end_failed(error)
        except OSError:
            # The journal takes nothing more: whoever goes on with what it holds, a boot at last, ends the transaction.
            log.exception("cannot write down that the transaction failed", failed=str(error))

    def _end_failed(self, error: Exception) -> None:
        world = self._world
        if isinstance(error, OSError):
            log.warning("a step of the transaction failed", exc_info=error)
        transaction = world.transaction()
        if transaction is None or transaction.finished:
            log.error("failed outside a transaction", error=str(error))
            return
        if transaction.state in _UNCHANGED:
            refused = _refusal_of(error, world.layout.journal_directory)
            if isinstance(error, AttError) and isinstance(error.data.get("values"), dict):
                known: dict[str, Any] = error.data["values"]  # type: ignore[assignment]
                transaction = world.record(transaction.id, transaction.state, transaction.phase, **known)
            _drop_fence(self._tools)
            if refused.code in decision.OWN_FAULTS:
                transaction = _blame(self._tools, transaction, refused)
            cleanup.drop(world, transaction, code=refused.code, detail=refused.detail)
        elif transaction.state is State.COMMITTED:
            log.error("cleanup failed, the next start goes on with it", error=str(error))
        else:
            self.progress("rolling back")
            going_back.fall_back(self._tools, transaction, *after.failure_of(error))


def _refusal_of(error: Exception, where: Path) -> Refusal:
    if isinstance(error, AttError):
        return Refusal(error.code, error.detail)
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        found = disk_error(Path(error.filename or where), error)
        return Refusal(found.code, found.detail)
    return Refusal("internal", f"cannot upgrade: {error}")


def _blame(tools: Tools, transaction: Transaction, refused: Refusal) -> Transaction:
    try:
        return rollback.blame(tools.world, transaction, code=refused.code, detail=refused.detail)
    except OSError as error:
        log.warning("cannot remember a bad version", error=str(error))
        return transaction


def _drop_fence(tools: Tools) -> None:
    with contextlib.suppress(UnitsFailed):
        services.drop_fence(tools.world)
