"""Serves a World over a real loopback socket, as the API process would, and stops it as SIGTERM would."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import uvicorn
from fastapi import FastAPI
from tests.unit.surfaces.world import World


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """Yield the address; on the way out the process drains."""
    listener = socket.create_server(("127.0.0.1", 0))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.mcp.run)
            yield
            tasks.cancel_scope.cancel()

    world.app.router.lifespan_context = lifespan
    config = uvicorn.Config(world.app, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve, [listener])
        with anyio.fail_after(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await anyio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            world.draining.begin()
            server.should_exit = True
