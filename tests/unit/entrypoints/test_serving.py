"""A service whose inner half fails stops by itself, so that the service manager starts it again."""

import asyncio
import socket
from typing import Any

import pytest

from att.entrypoints.serving import CALM_SECONDS_MAX, BoundedServer, calm

pytestmark = pytest.mark.anyio


async def test_what_fails_beside_the_server_ends_the_process_with_an_error() -> None:
    fail, stopped = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await fail.wait()
        raise RuntimeError("the inner half is broken")

    server = BoundedServer(app, on_ready=fail.set, on_stop=stopped.set, lifespan="on")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await asyncio.wait_for(server.serve([listener]), 20)
    assert server.failed
    assert stopped.is_set()


async def test_a_server_that_is_asked_to_stop_has_not_failed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    server: BoundedServer

    def ready() -> None:
        server.should_exit = True

    server = BoundedServer(app, on_ready=ready, on_stop=lambda: None, lifespan="on")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await asyncio.wait_for(server.serve([listener]), 20)
    assert not server.failed


@pytest.mark.parametrize(
    ("seconds_used", "rounds"),
    [([0.9, 0.7, 0.2], 3), ([0.4], 1), ([0.9] * 100, CALM_SECONDS_MAX)],
    ids=["busy at first", "calm", "busy for ever"],
)
async def test_what_is_loaded_late_waits_for_a_calm_second_but_not_for_ever(
    seconds_used: list[float], rounds: int
) -> None:
    told = [0.0]
    looks = 0

    def used() -> float:
        nonlocal looks
        looks += 1
        if looks % 2 == 0:
            told[0] += seconds_used[looks // 2 - 1] * 1e-6
        return told[0]

    await calm(used=used, second=1e-6)
    assert looks // 2 == rounds
