"""Speaks to the upgrade engine over its socket, for attctl and the API alike."""

import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from anyio.streams.buffered import BufferedByteReceiveStream

from att.kernel.error_json import error_from
from att.kernel.errors import AttError, InvalidInput, Unavailable
from att.upgrade.wire import LINE_BYTES_MAX

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 300.0
RETRY_SECONDS = 0.5
LOST_SECONDS_MAX = 120.0
LEAVING_SECONDS_MAX = 30.0
QUIET_SECONDS = 20.0


class EngineClient:
    """The engine behind the socket at `path`. Every method raises the engine's own error, or Unavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def call(
        self,
        verb: str,
        args: dict[str, Any] | None = None,
        *,
        request_id: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Return the verb's result, off the event loop; an engine silent for `seconds` counts as away."""
        work = partial(self.call_now, verb, args, request_id=request_id, seconds=seconds)
        return await anyio.to_thread.run_sync(work)

    async def call_with_file(
        self, verb: str, file: Path, args: dict[str, Any] | None = None, *, request_id: str = ""
    ) -> dict[str, Any]:
        """Like `call`, handing the engine an open descriptor of `file`; InvalidInput(bundle_unreadable)."""
        work = partial(self.call_now, verb, args, request_id=request_id, file=file)
        return await anyio.to_thread.run_sync(work)

    async def watch(self, transaction: str, *, cursor: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Yield the transaction's states and progress until it ends; the last item is its final view, key `result`.

        Goes on by cursor where the engine restarts in between, which it does after each commit.
        """
        answered = time.monotonic()
        while True:
            began, away = time.monotonic(), _gone("it ends every connection without an answer")
            try:
                async with contextlib.aclosing(self._watch_once(transaction, cursor)) as items:
                    async for item in items:
                        answered = time.monotonic()
                        cursor = max(cursor, int(item.get("cursor") or 0))
                        yield item
                        if "result" in item:
                            return
            except Unavailable as error:
                away = error
            now = time.monotonic()
            if now - began > QUIET_SECONDS:
                # It held the connection: a state that lasts has nothing to tell.
                answered = now
            if now - answered > LOST_SECONDS_MAX:
                raise away
            await anyio.sleep(RETRY_SECONDS)

    def call_now(
        self,
        verb: str,
        args: dict[str, Any] | None = None,
        *,
        request_id: str = "",
        file: Path | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Return the verb's result; blocks. Where the engine hands over to the next release's, that one is asked."""
        until = time.monotonic() + LEAVING_SECONDS_MAX
        while True:
            try:
                return self._call_once(verb, args or {}, request_id, file, seconds)
            except Unavailable as error:
                if error.code != "engine_leaving" or time.monotonic() > until:
                    raise
            time.sleep(RETRY_SECONDS)

    def _call_once(
        self, verb: str, args: dict[str, Any], request_id: str, file: Path | None, seconds: float
    ) -> dict[str, Any]:
        for answer in self._ask(verb, args, request_id, file, seconds):
            if "result" in answer:
                found: dict[str, Any] = answer["result"]
                return found
        raise _gone("it ended the connection without an answer")

    async def _watch_once(self, transaction: str, cursor: int) -> AsyncGenerator[dict[str, Any]]:
        """Read without a thread: one that waits for the engine would keep a stopping process from its end."""
        line = _request("watch", {"transaction": transaction, "cursor": cursor}, "")
        try:
            with anyio.fail_after(CONNECT_SECONDS):
                connection = await anyio.connect_unix(self._path)
            async with connection:
                await connection.send(line)
                answers = BufferedByteReceiveStream(connection)
                while True:
                    with anyio.fail_after(ANSWER_SECONDS):
                        raw = await answers.receive_until(b"\n", LINE_BYTES_MAX)
                    answer = _answer(raw)
                    yield answer.get("event", answer)
        except anyio.IncompleteRead:
            return
        except (OSError, anyio.BrokenResourceError, anyio.DelimiterNotFound) as error:
            raise _gone(str(error)) from error

    def _ask(
        self, verb: str, args: dict[str, Any], request_id: str, file: Path | None, seconds: float
    ) -> Iterator[dict[str, Any]]:
        line = _request(verb, args, request_id)
        fd = _opened(file) if file is not None else None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(str(self._path))
                connection.settimeout(seconds)
                if fd is None:
                    connection.sendall(line)
                else:
                    sent = socket.send_fds(connection, [line], [fd])
                    if sent < len(line):
                        connection.sendall(line[sent:])
                with connection.makefile("rb") as answers:
                    yield from _answers(answers.readline)
        except OSError as error:
            raise _gone(str(error)) from error
        finally:
            if fd is not None:
                os.close(fd)


def _request(verb: str, args: dict[str, Any], request_id: str) -> bytes:
    return json.dumps({"verb": verb, "args": args, "request_id": request_id}).encode() + b"\n"


def _answers(readline: Any) -> Iterator[dict[str, Any]]:
    while line := readline(LINE_BYTES_MAX):
        yield _answer(line)


def _answer(line: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise _gone("it broke off in an answer") from error
    if "error" in answer:
        raise error_from(answer["error"], "the upgrade engine")
    return answer


def _opened(file: Path) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidInput("bundle_unreadable", f"cannot read {file}: {error.strerror}", field="upload") from error


def _gone(why: str) -> AttError:
    return Unavailable("engine_unavailable", f"cannot reach the upgrade engine: {why}", retry_after_seconds=1)
