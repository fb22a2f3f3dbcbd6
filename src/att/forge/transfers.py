"""Fetches from and pushes to other hosts, each a task in the project's sandbox: the API itself has no network.

The task has the way out as its proxy and the login on its standard input. What it leaves behind is the project's, so
nothing of it is believed: objects pass git's own checks, refs may only be those that were asked for.
"""

import json
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import structlog

from att.egress.decision import Target
from att.forge import process as git
from att.forge.bare import EMAIL_HOST, Bare, Signature
from att.kernel.errors import AttError, Conflict, NotFound, TooLarge, Unavailable
from att.kernel.ids import new_id
from att.projects.ports import Login
from att.workspace.git.bounds import FILE_BYTES_MAX
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import Ending, Program, TaskKind, TaskSpec, TaskState
from att.workspace.shim.records import OUT
from att.workspace.transfer import KNOWN_MAX, PACK, REFS_MAX, RESULT, RESULT_BYTES_MAX, Order, Result
from att.workspace.verbs.beneath import folder, opened
from att.workspace.way_out import WayOut

SECONDS_MAX = 1_800.0
TAKE_SECONDS_MAX = 900.0
GRACE_SECONDS, END_SECONDS_MAX = 2.0, 8.0
HTTPS_PORT = 443
_PACK_HEAD_BYTES = 12
_CHUNK = 256 * 1024
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
_OBJECT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_log = structlog.get_logger(__name__)


class Transfers:
    """Runs transfers."""

    def __init__(self, sandboxes: Sandboxes, way_out: WayOut) -> None:
        self._sandboxes = sandboxes
        self._way_out = way_out
        self._mine: set[str] = set()

    async def push(self, place: Place, url: str, login: Login | None, refspec: str) -> Result:
        """Push one ref, and return how git ended. Raises Forbidden(egress_denied), Unavailable, TooMany, Conflict."""
        async with self._done(place, self._order("push", url, login, (refspec,))) as (_, result):
            return result

    async def fetch(
        self, place: Place, bare: Bare, url: str, login: Login | None, refspecs: Sequence[str], into: tuple[str, ...]
    ) -> Result:
        """Fetch refs into the forge, those alone that begin with `into`; return how git ended. Raises as `push`."""
        known = tuple(dict.fromkeys((await bare.refs()).values()))[:KNOWN_MAX]
        async with self._done(place, self._order("fetch", url, login, refspecs, known)) as (task_id, result):
            if result.code == 0:
                await _take(place, task_id, bare, _asked_for(result.refs, into))
            return result

    def _order(
        self, verb: str, url: str, login: Login | None, refspecs: Sequence[str], known: tuple[str, ...] = ()
    ) -> Order:
        username, secret = (login.username, login.secret) if login else (None, None)
        return Order(verb, url, tuple(refspecs), known, username, secret)

    @asynccontextmanager
    async def _done(self, place: Place, order: Order) -> AsyncIterator[tuple[str, Result]]:
        """Run the task to its end and give its id and result; nothing of it is left after the block."""
        parts = urlsplit(order.url)
        self._way_out.require(place, Target((parts.hostname or "").lower(), parts.port or HTTPS_PORT))
        await self._forget_left(place)
        task_id = new_id("transfer")
        self._mine.add(task_id)
        try:
            await self._sandboxes.start(place, _spec(task_id, order))
            ended = await self._sandboxes.wait(place, task_id)
            yield task_id, await anyio.to_thread.run_sync(_result, place, task_id, ended)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(END_SECONDS_MAX):
                await self._end(place, task_id)
            self._mine.discard(task_id)

    async def _end(self, place: Place, task_id: str) -> None:
        try:
            await self._sandboxes.stop(place, task_id, grace_seconds=GRACE_SECONDS)
            await self._sandboxes.forget(place, task_id)
        except NotFound:
            return  # it never began
        except AttError as error:
            _log.warning("transfer_not_forgotten", task_id=task_id, code=error.code)

    async def _forget_left(self, place: Place) -> None:
        """End and remove transfers of a process before this one: nobody hears any more how they go."""
        for task in await self._sandboxes.tasks(place):
            if task.kind is TaskKind.TRANSFER and task.task_id not in self._mine:
                await self._end(place, task.task_id)


def _spec(task_id: str, order: Order) -> TaskSpec:
    return TaskSpec(
        task_id=task_id,
        kind=TaskKind.TRANSFER,
        program=Program.ATT,
        command=("-P", "-m", "att.entrypoints.transfer"),
        stdin=order.dumped(),
        timeout_seconds=SECONDS_MAX,
    )


def _asked_for(refs: Mapping[str, str], into: tuple[str, ...]) -> dict[str, str]:
    return {
        name: commit
        for name, commit in refs.items()
        if name.startswith(into) and _REF.fullmatch(name) and _OBJECT.fullmatch(commit)
    }


def _result(place: Place, task_id: str, ended: TaskState) -> Result:
    """Return what the task says of itself; raises Unavailable(git_timeout), Conflict(git_failed)."""
    if ended.ending is Ending.TIMED_OUT:
        raise Unavailable("git_timeout", f"cannot finish the transfer: over {SECONDS_MAX:g} s")
    with _left(place, task_id, RESULT) as file:
        if file is None or os.fstat(file).st_size > RESULT_BYTES_MAX:
            raise Conflict("git_failed", f"cannot finish the transfer: it ended with {ended.ending} and {ended.code}")
        try:
            found = json.loads(os.read(file, RESULT_BYTES_MAX))
            refs = {str(name): str(commit) for name, commit in dict(found["refs"]).items()}
            head = None if found["head"] is None else str(found["head"])
            return Result(int(found["code"]), str(found["out"]), str(found["errors"]), head, refs)
        except (ValueError, KeyError, TypeError) as error:
            raise Conflict("git_failed", "cannot finish the transfer: what it left is damaged") from error


@contextmanager
def _left(place: Place, task_id: str, name: str) -> Iterator[int | None]:
    """Open a file that the task left: a plain one, through no link; None where there is none."""
    try:
        with (
            folder(place.folder) as top,
            opened(top, (place.tasks.name, task_id, OUT, name), _READING, follow=False) as file,
        ):
            yield file if stat.S_ISREG(os.fstat(file).st_mode) else None
    except (OSError, NotFound):
        yield None


async def _take(place: Place, task_id: str, bare: Bare, refs: Mapping[str, str]) -> None:
    """Take objects and refs into the bare repository, all or nothing."""
    if len(refs) > REFS_MAX:
        raise TooLarge("clone_too_large", f"cannot take the repository: it has more than {REFS_MAX} refs")
    with _left(place, task_id, PACK) as pack:
        if pack is not None and int.from_bytes(os.pread(pack, _PACK_HEAD_BYTES, 0)[8:]):
            await _index(bare, pack)
    tips = "".join(f"{commit}\n" for commit in dict.fromkeys(refs.values())).encode()
    whole = await git.run(
        bare.folder,
        "rev-list",
        "--objects",
        "--stdin",
        "--not",
        "--all",
        "--quiet",
        feed=tips,
        seconds=TAKE_SECONDS_MAX,
    )
    lines = "".join(f"update {name}\0{commit}\0\0" for name, commit in refs.items()).encode()
    more = Signature("ATT", f"forge@{EMAIL_HOST}", 0).environment()
    moved = whole
    if whole.code == 0:
        # Each ref is waited for.
        moving = ("update-ref", "-z", "--stdin")
        moved = await git.run(bare.folder, *moving, feed=lines, more=more, seconds=TAKE_SECONDS_MAX)
    if moved.code != 0:
        raise Conflict("git_failed", f"cannot take what was fetched: {moved.reason[:300]}")
    await bare.settle(*refs)


async def _index(bare: Bare, pack: int) -> None:
    """Have git check and keep a pack, as it does with a push."""
    arguments = ("index-pack", "--stdin", "--fix-thin", "--strict", f"--max-input-size={FILE_BYTES_MAX}")

    async def blocks() -> AsyncIterator[bytes]:
        at = 0
        while data := await anyio.to_thread.run_sync(os.pread, pack, _CHUNK, at):
            at += len(data)
            yield data

    kept = await git.run(bare.folder, *arguments, feed=blocks(), seconds=TAKE_SECONDS_MAX)
    if kept.code != 0:
        raise Conflict("git_failed", f"cannot take what was fetched: {kept.reason[:300]}")
