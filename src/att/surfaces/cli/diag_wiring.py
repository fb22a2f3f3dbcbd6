"""The parts of ATT that tell diagnostics about themselves, and the sealed secrets that it has to know."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from att.appliance import Facts
from att.config.service import ConfigService
from att.diagnostics.service import StatusService
from att.diagnostics.sources import Tellers
from att.diagnostics.telling import releases, upgrade_journal
from att.effects import http
from att.kernel.errors import Unavailable
from att.projects.opened import sealed_values
from att.projects.sealed import KEY_FILE
from att.router.providers import STATE_FOLDER, keys_of
from att.surfaces.cli.box import local_token
from att.upgrade.client import EngineClient

METRICS_SECONDS = 20.0


def tellers(facts: Facts) -> Tellers:
    """Return who tells what, each in a thread of its own."""
    engine = EngineClient(facts.unit("att-upgraded").socket_paths[0])

    def status() -> str:
        return asyncio.run(StatusService(facts, engine).status()).model_dump_json(indent=1)

    def settings() -> str:
        return asyncio.run(ConfigService(facts, engine, {}).show(None)).model_dump_json(indent=1)

    return Tellers(
        status=status,
        settings=settings,
        releases=lambda: releases(facts),
        upgrade=lambda: upgrade_journal(facts),
        metrics=lambda: metrics_of(facts),
    )


def metrics_of(facts: Facts) -> str:
    """Return the API's figures in Prometheus' text form; Unavailable("unreachable") when it does not tell them."""
    socket = facts.unit("att-api").socket_paths[0]
    try:
        answer = http.request(socket, "GET", "/metrics", timeout_seconds=METRICS_SECONDS, token=local_token())
    except http.NoAnswer as error:
        raise Unavailable("unreachable", str(error)) from error
    if answer.status != 200:
        raise Unavailable("unreachable", f"cannot read the figures: the API answered {answer.status}")
    return answer.body.decode("utf-8", "replace")


def sealed_places(facts: Facts) -> Iterator[tuple[str, Callable[[], Iterable[str]]]]:
    """Yield the places whose secrets are sealed, and how they are opened."""
    key = facts.paths.secrets / KEY_FILE
    yield "database", lambda: sealed_values(facts.paths.api_database, key, facts.unit("att-api").user)
    yield "models", lambda: keys_of(facts.paths.state / STATE_FOLDER)
