"""A whole platform as `make dev` runs it, served on a loopback port by a thread of the test process."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from tests.fakes.runners import end_runners

from att.appliance import Facts
from att.config.live import LiveSettings
from att.entrypoints.dev import USER, development_facts, listen, prepare
from att.entrypoints.platform import ApiServer, build

START_SECONDS = 30
STOP_SECONDS = 15


@dataclass(frozen=True)
class Running:
    """Where it is and with which token it is asked."""

    url: str
    token: str
    facts: Facts

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def platform(
    folder: Path, *, settings: str = "", around: Callable[[Any, str], Any] = lambda app, _: app
) -> Iterator[Running]:
    """Serve one below `folder` with the text of an att.yaml; `around` wraps the application, given a token."""
    where = development_facts(folder)
    log = (folder / "log").open("w")
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
    token, listener = prepare(where), listen(0)
    if settings:
        where.paths.config.write_text(settings, encoding="utf-8")
    started, servers = threading.Event(), list[ApiServer]()

    async def serve() -> None:
        made = await build(where, LiveSettings(where.paths.config, {}), appliance=False)
        await made.identity.ensure_admin(USER, token)
        servers.append(ApiServer(replace(made, app=around(made.app, token)), on_ready=started.set))
        await servers[0].serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(START_SECONDS)
    try:
        yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", token, where)
    finally:
        servers[0].should_exit = True
        thread.join(STOP_SECONDS)
        assert not thread.is_alive()
        end_runners(where.paths.projects)
        structlog.configure(**before)
        log.close()
