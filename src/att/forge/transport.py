"""Serves git's fetch and push on a bare repository: to a worktree's git through its agent, and to git over HTTP."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import Process, UNIXSocketStream

from att.forge import process as git
from att.forge.pktline import FLUSH, Asked, Beginning, Command, pkt, refusal
from att.kernel.errors import AttError, Failed, InvalidInput, TooLarge, Unavailable
from att.workspace.git import frames
from att.workspace.git.durable import settle

SECONDS_MAX = 900.0
END_SECONDS_MAX = 30.0
PUSH_BYTES_MAX = 1024 * 1024 * 1024
PROTOCOLS = frozenset({"version=0", "version=1", "version=2"})
_CHUNK = 65_536

Judge = Callable[[Sequence[Command]], Mapping[str, str]]
"""Gives the reason for each ref that may not be changed so; nothing refused is an empty mapping."""


class Service(StrEnum):
    """What a client asks for; git's own names."""

    FETCH = "git-upload-pack"
    PUSH = "git-receive-pack"

    @property
    def verb(self) -> str:
        """The subcommand of git that serves it."""
        return self.value.removeprefix("git-")


@dataclass(frozen=True)
class Told:
    """How git ended at the worktree's side, as it says itself."""

    code: int
    out: str
    errors: str


class _Inlet:
    """Hands what a client sends to git, a push only after its list of commands was judged."""

    def __init__(self, judge: Judge | None) -> None:
        self._judge = judge
        self._beginning = Beginning()
        self._taken = 0
        self.asked: Asked | None = None
        self.refused: Mapping[str, str] = {}

    def take(self, chunk: bytes) -> bytes:
        """Return the bytes that git may have now; raises TooLarge(push_too_large), InvalidInput(push_malformed)."""
        self._taken += len(chunk)
        if self._taken > PUSH_BYTES_MAX:
            raise TooLarge("push_too_large", f"cannot take the push: it has more than {PUSH_BYTES_MAX} bytes")
        if self._judge is None:
            return chunk
        if self.asked is not None:
            return b"" if self.refused else chunk
        self.asked = self._beginning.feed(chunk)
        if self.asked is None:
            return b""
        self.refused = self._judge(self.asked.commands)
        return b"" if self.refused else self.asked.read

    async def settle(self, folder: Path) -> None:
        """Make durable in the repository `folder` what git was asked to move, unless it was refused."""
        if self.asked is not None and not self.refused:
            await anyio.to_thread.run_sync(settle, folder, [command.ref for command in self.asked.commands])

    @property
    def refusal(self) -> bytes:
        """The report for a push that was refused."""
        return refusal(self.asked, self.refused) if self.asked is not None else b""

    @property
    def decided(self) -> bool:
        """Whether nothing more needs to come before a refused push can be answered."""
        return self.asked is not None and bool(self.refused) and not self.asked.brings_pack


async def serve_worktree(folder: Path, service: Service, connection: socket.socket, judge: Judge | None = None) -> Told:
    """Serve the git of a worktree over its agent's connection; returns what that git said at its end.

    Raises Unavailable(git_timeout, agent_unreachable), TooLarge(push_too_large), Failed(git_failed).
    """
    told: Told | AttError | None = None
    inlet = _Inlet(judge)
    with anyio.move_on_after(SECONDS_MAX) as scope:
        stream = await UNIXSocketStream.from_socket(connection.dup())
        async with (
            stream,
            git.started(folder, service.verb, str(folder)) as process,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_to_worktree, process, stream)
            tasks.start_soon(_drop, process)
            try:
                told = await _from_worktree(process, stream, inlet)
            except AttError as error:
                told = error
                _kill(process)
            with anyio.move_on_after(END_SECONDS_MAX):
                await process.wait()
            tasks.cancel_scope.cancel()
    await inlet.settle(folder)
    if scope.cancelled_caught:
        raise Unavailable("git_timeout", f"cannot finish the transfer: over {SECONDS_MAX:g} s")
    if isinstance(told, AttError):
        raise told
    if told is None:
        raise Unavailable("agent_unreachable", "cannot finish the transfer: the project's side went away")
    return told


async def _to_worktree(process: Process, stream: UNIXSocketStream) -> None:
    """Carry what our git says, until it has ended."""
    if process.stdout is None:
        return
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for chunk in process.stdout:
            await stream.send(chunk)
        await stream.send_eof()


async def _from_worktree(process: Process, stream: UNIXSocketStream, inlet: _Inlet) -> Told | None:
    """Carry what the worktree's git says; None when its side goes away before saying how it ended, which ours hears."""
    taken = frames.Frames()
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            for kind, payload in taken.feed(await stream.receive(_CHUNK)):
                if kind == frames.RESULT:
                    return _told(payload)
                if kind == frames.DATA:
                    await _send(process, inlet.take(payload))
                if inlet.refused and (kind == frames.END or inlet.decided):
                    await stream.send(inlet.refusal)
                    _kill(process)
                elif kind == frames.END and process.stdin is not None:
                    await process.stdin.aclose()
    if process.stdin is not None:
        await process.stdin.aclose()
    return None


def _told(payload: bytes) -> Told:
    try:
        values = json.loads(payload)
        return Told(int(values["code"]), str(values["out"]), str(values["errors"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Failed("git_failed", "cannot go on with git: its stream from the project is damaged") from error


async def _send(process: Process, chunk: bytes) -> None:
    """Hand bytes to our git; what it no longer wants is dropped, its answer says why."""
    if chunk and process.stdin is not None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.send(chunk)


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _drop(process: Process) -> None:
    """Read away what our git says on stderr, so that it never waits for a reader."""
    if process.stderr is not None:
        async for _ in process.stderr:
            pass


def environment_of(protocol: str | None) -> Mapping[str, str]:
    """Return the environment for the protocol version that a client asks for; an unknown one is ignored."""
    return {"GIT_PROTOCOL": protocol} if protocol in PROTOCOLS else {}


async def advertise(folder: Path, service: Service, protocol: str | None) -> bytes:
    """Return what git over HTTP answers first: the refs of the repository."""
    more = environment_of(protocol)
    finished = await git.run(folder, service.verb, "--stateless-rpc", "--advertise-refs", str(folder), more=more)
    if finished.code != 0:
        raise Failed("git_failed", f"cannot show the refs: {finished.reason[:300]}")
    return pkt(f"# service={service}\n".encode()) + FLUSH + finished.out


async def exchange(
    folder: Path,
    service: Service,
    body: AsyncIterator[bytes],
    answer: Callable[[bytes], Awaitable[None]],
    *,
    protocol: str | None,
    judge: Judge | None,
) -> None:
    """Serve one request of git over HTTP; the beginning of a push is judged before git gets it.

    The end of the answer to a push, for which git waits, comes when what it moved is durable.
    Raises as `serve_worktree` does, and InvalidInput(push_malformed); a broken request may end after a part of the
    answer.
    """
    inlet = _Inlet(judge)
    first = await _judged(inlet, body) if judge is not None else b""
    if inlet.refused:
        await answer(inlet.refusal)
        return
    failed: list[AttError] = []
    held = b""
    with anyio.move_on_after(SECONDS_MAX) as scope:
        arguments = (service.verb, "--stateless-rpc", str(folder))
        started = git.started(folder, *arguments, more=environment_of(protocol))
        async with started as process, anyio.create_task_group() as tasks:
            tasks.start_soon(_feed, process, first, body, inlet, failed)
            tasks.start_soon(_drop, process)
            if process.stdout is not None:
                async for chunk in process.stdout:
                    ready, held = (chunk, b"") if judge is None else (held, chunk)
                    if ready:
                        await answer(ready)
            tasks.cancel_scope.cancel()
    await inlet.settle(folder)
    if scope.cancelled_caught:
        raise Unavailable("git_timeout", f"cannot finish the transfer: over {SECONDS_MAX:g} s")
    if failed:
        raise failed[0]
    if held:
        await answer(held)


async def _judged(inlet: _Inlet, body: AsyncIterator[bytes]) -> bytes:
    """Read until the push is judged and return what git may have; a refused one is read to its end."""
    async for chunk in body:
        first = inlet.take(chunk)
        if inlet.asked is not None and not inlet.refused:
            return first
    if inlet.asked is None:
        raise InvalidInput("push_malformed", "cannot read the push: it ends in its list of refs")
    return b""


async def _feed(
    process: Process, first: bytes, body: AsyncIterator[bytes], inlet: _Inlet, failed: list[AttError]
) -> None:
    """Hand a request's body to our git; a request that is too large ends it."""
    try:
        await _send(process, first)
        async for chunk in body:
            await _send(process, inlet.take(chunk))
        if process.stdin is not None:
            await process.stdin.aclose()
    except AttError as error:
        failed.append(error)
        _kill(process)
