"""Runs the checks of pull requests as tasks of the project; the rows are the journal, so a restart goes on."""

import math
from collections.abc import Awaitable, Callable, Sequence

import anyio
import structlog
from anyio.abc import TaskGroup

from att.forge import check_records
from att.forge.bare import HEADS
from att.forge.check_records import StoredCheck
from att.forge.check_tasks import spec_of, verdict
from att.forge.checks_file import PATH, CheckSpec, parse
from att.forge.decision import pause_before_retry
from att.forge.ports import Environment
from att.forge.repositories import BareRepositories
from att.forge.schema import Check, CheckState, PullRequest
from att.kernel.errors import AttError, NotFound, Refused
from att.store.connection import Connection
from att.store.service import Store
from att.workspace.place import Place
from att.workspace.ports import Agents, Sandboxes

CONCURRENCY = 2
RUNS_KEPT = 100
DETAIL_CHARS_MAX = 300
_RETRY_SECONDS = 1.0
_log = structlog.get_logger(__name__)

PlaceOf = Callable[[str], Awaitable[Place]]


class Checks:
    """The checks of all projects. `run()` must run in the entrypoint's task group, until `stop()`."""

    def __init__(
        self,
        store: Store,
        repositories: BareRepositories,
        agents: Agents,
        sandboxes: Sandboxes,
        place_of: PlaceOf,
        environment: Callable[[], Environment],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._agents = agents
        self._sandboxes = sandboxes
        self._place_of = place_of
        self._environment = environment
        self._clock = clock
        self._running: set[str] = set()
        self._wake = anyio.Event()
        self._stopping = False

    async def request(self, pull: PullRequest) -> None:
        """Have those checks of the target branch run that have not on this head; runs of older heads are ended."""
        try:
            wanted = await self._wanted(pull)
        except Refused as error:  # the merge says so; a pull request may be what repairs the file
            _log.info("no checks", pull_request=pull.id, reason=error.detail)
            wanted = {}
        async with self._store.write(patience_seconds=math.inf) as connection:
            known = await check_records.latest(connection, pull)
            for name, spec in wanted.items():
                if name not in known:
                    await check_records.add(connection, pull, name, spec, self._clock())
            running = await check_records.unfinished_of(connection, pull)
            outdated = [check for check in running if check.commit != pull.head_commit]
            for check in outdated:
                await self._end(connection, check, CheckState.ERROR, "a newer commit was pushed")
        for check in outdated:
            await self._stop_task(check)
        self._wake.set()

    async def again(self, pull: PullRequest, names: Sequence[str]) -> None:
        """Have checks of the target branch run once more on this head, all unless named; what runs goes on.

        Raises NotFound(check_unknown), Refused(checks_invalid).
        """
        wanted = await self._wanted(pull)
        for name in names:
            if name not in wanted:
                raise NotFound("check_unknown", f"cannot run {name[:64]!r}: {pull.base} has no such check")
        async with self._store.write() as connection:
            known = await check_records.latest(connection, pull)
            for name in dict.fromkeys(names or wanted):
                if name not in known or known[name].state.final:
                    await check_records.add(connection, pull, name, wanted[name], self._clock())
        self._wake.set()

    async def end(self, pull: PullRequest) -> None:
        """End what runs or waits for a pull request that nobody wants merged any more."""
        async with self._store.write(patience_seconds=math.inf) as connection:
            running = await check_records.unfinished_of(connection, pull)
            for check in running:
                await self._end(connection, check, CheckState.ERROR, "its pull request was closed")
        for check in running:
            await self._stop_task(check)

    async def _wanted(self, pull: PullRequest) -> dict[str, CheckSpec]:
        bare = await self._repositories.there(pull.project_id)
        base = await bare.commit_of(HEADS + pull.base)
        return parse(await bare.file(base, PATH)) if base is not None else {}

    async def latest(self, pull: PullRequest) -> dict[str, Check]:
        """Return the last run of each check on the head as it is now."""
        async with self._store.read() as connection:
            return await check_records.latest(connection, pull)

    async def runs(self, place: Place, *, branch: str | None, limit: int) -> list[Check]:
        """See `ports.PullRequests`."""
        async with self._store.read() as connection:
            return await check_records.page(connection, place.project_id, branch=branch, limit=limit)

    async def run_log(self, place: Place, run_id: str, *, offset: int, limit: int) -> tuple[Check, bytes, int]:
        """See `ports.PullRequests`; raises NotFound(run_unknown)."""
        async with self._store.read() as connection:
            check = await check_records.one(connection, place.project_id, run_id)
        if check is None:
            raise NotFound("run_unknown", f"cannot find the run {run_id[:64]}", field="run_id")
        taken = bytearray()
        try:
            async for chunk in self._sandboxes.read_log(place, check.task_id, offset):
                taken += chunk[: limit - len(taken)]
                if len(taken) >= limit:
                    break
        except NotFound:  # it has not started yet
            taken.clear()
        shown = Check.model_validate(check.model_dump(include=set(Check.model_fields)))
        return shown, bytes(taken), offset + len(taken)

    async def run(self) -> None:
        """Run what is queued and go on with what ran when the process before this one ended."""
        async with anyio.create_task_group() as tasks:
            while not self._stopping:
                self._wake = anyio.Event()
                retry = await self._start_some(tasks)
                with anyio.move_on_after(retry):
                    await self._wake.wait()
            tasks.cancel_scope.cancel()

    def stop(self) -> None:
        """Let go of what runs; the tasks go on."""
        self._stopping = True
        self._wake.set()

    async def _start_some(self, tasks: TaskGroup) -> float:
        try:
            async with self._store.read() as connection:
                waiting = await check_records.unfinished(connection)
        except AttError:
            return _RETRY_SECONDS
        for check in waiting:
            if check.id not in self._running and len(self._running) < CONCURRENCY:
                self._running.add(check.id)
                tasks.start_soon(self._carry, check)
        return math.inf

    async def _carry(self, check: StoredCheck) -> None:
        """Run one check to its end, whatever that is."""
        try:
            await self._try_often(check)
        except AttError as error:
            _log.info("check ended badly", run=check.id, code=error.code, reason=error.detail)
            await self._finish(check, CheckState.ERROR, error.detail)
        except Exception:  # noqa: BLE001 - a mistake in one check must not end the others, nor the process
            _log.exception("check failed by our own fault", run=check.id)
            await self._finish(check, CheckState.ERROR, "ATT made a mistake; see the journal")
        finally:
            self._running.discard(check.id)
            self._wake.set()

    async def _try_often(self, check: StoredCheck) -> None:
        tries = 0
        while True:
            try:
                await self._once(check)
            except AttError as error:
                tries += 1
                pause = pause_before_retry(error.code, tries)
                if pause is None:
                    raise
                await anyio.sleep(pause)
            else:
                return

    async def _once(self, check: StoredCheck) -> None:
        place = await self._place_of(check.project_id)
        if not await self._has_started(place, check):
            ref = f"refs/pull/{check.number}/head"
            await self._repositories.check_out_apart(place, name=check.task_id, ref=ref, commit=check.commit)
            async with self._store.write(patience_seconds=math.inf) as connection:
                running = {"state": CheckState.RUNNING.value, "started": self._clock()}
                if not await check_records.change(connection, check.id, **running):
                    return
            environment = self._environment()
            secrets = await environment.secret(place)
            task = spec_of(place, check.task_id, check.spec)
            task = task.model_copy(update={"environment": environment.plain(), "secrets": secrets})
            await self._sandboxes.start(place, task)
        state, detail, code = verdict(await self._sandboxes.wait(place, check.task_id))
        await self._finish(check, state, detail, code)
        place = await self._place_of(check.project_id)  # a project that is being removed starts no agent any more
        await self._agents.of(place).call("git.forget_check", name=check.task_id)
        await self._prune(place)

    async def _has_started(self, place: Place, check: StoredCheck) -> bool:
        try:
            await self._sandboxes.state(place, check.task_id)
        except NotFound:
            return False
        return True

    async def _finish(self, check: StoredCheck, state: CheckState, detail: str, code: int | None = None) -> None:
        async with self._store.write(patience_seconds=math.inf) as connection:
            await self._end(connection, check, state, detail, code)

    async def _end(
        self, connection: Connection, check: StoredCheck, state: CheckState, detail: str, code: int | None = None
    ) -> None:
        values = {"state": state.value, "detail": detail[:DETAIL_CHARS_MAX], "code": code, "ended": self._clock()}
        await check_records.change(connection, check.id, **values)

    async def _stop_task(self, check: StoredCheck) -> None:
        try:
            await self._sandboxes.stop(await self._place_of(check.project_id), check.task_id)
        except AttError as error:  # it never started, or its project is gone
            _log.info("no task to stop", run=check.id, reason=error.detail)

    async def _prune(self, place: Place) -> None:
        async with self._store.write(patience_seconds=math.inf) as connection:
            old = await check_records.beyond(connection, place.project_id, RUNS_KEPT)
            for check in old:
                await check_records.forget(connection, check.id)
        for check in old:
            await self._sandboxes.forget(place, check.task_id)
