"""One verb of the upgrade engine, asked by a command that is attctl's alone."""

import asyncio
from typing import Any

from att.appliance import facts
from att.upgrade.client import EngineClient


def engine_call(verb: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the engine's result; it decides by the peer's uid whether this caller may."""
    engine = EngineClient(facts().unit("att-upgraded").socket_paths[0])
    return asyncio.run(engine.call(verb, args))
