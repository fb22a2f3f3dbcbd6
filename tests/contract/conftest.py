"""A whole platform as `make dev` runs it, served on a loopback port by a thread; one for all contract tests."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import structlog

from att.appliance import Facts
from att.config.live import LiveSettings
from att.entrypoints.api import ApiServer, build
from att.entrypoints.dev import USER, development_facts, listen, prepare


@dataclass(frozen=True)
class Running:
    url: str
    token: str
    facts: Facts

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("platform")
    where = development_facts(folder)
    log = (folder / "log").open("w")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
    token, listener = prepare(where), listen(0)
    started, servers = threading.Event(), list[ApiServer]()

    async def serve() -> None:
        platform = await build(where, LiveSettings(where.paths.config, {}), appliance=False)
        await platform.identity.ensure_admin(USER, token)
        servers.append(ApiServer(platform, on_ready=started.set))
        await servers[0].serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(30)
    yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", token, where)
    servers[0].should_exit = True
    thread.join(15)
    assert not thread.is_alive()
    structlog.reset_defaults()
    log.close()


@pytest.fixture
def http(platform: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, headers=platform.headers, timeout=30) as client:
        yield client
