"""Has a running process write as much as the settings say now."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import yaml

from att.effects import journal

SECONDS = 5.0
LEVELS = ("debug", "info", "warning", "error")


async def follow_level(level_now: Callable[[], str], seconds: float = SECONDS) -> None:
    """Set the level of this process whenever `level_now` gives another; asks every `seconds`, until cancelled."""
    level = level_now()
    while True:
        await asyncio.sleep(seconds)
        found = level_now()
        if found != level:
            level = found
            journal.set_level(level)


def level_in(config: Path, service: str) -> str:
    """Return what the settings file says of a service's level, without the settings' models: a gateway stays small.

    `info` where the file cannot be read or says nothing of it; what judges the file is `att.config`.
    """
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
        log = found["log"]
        own, common = log.get(service, "inherit"), log.get("level", "info")
    except (OSError, ValueError, yaml.YAMLError, RecursionError, TypeError, KeyError, AttributeError):
        return "info"
    level = common if own == "inherit" else own
    return level if level in LEVELS else "info"
