"""Rollback and repair when no engine answers: stage0 does them, at the SSH door, as root or through sudo."""

import json
import os
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread

from att.appliance import facts
from att.effects.processes import run
from att.kernel.codes import CODES
from att.kernel.errors import Failed, Refused
from att.upgrade.schema import Repaired, Transaction

SECONDS_MAX = 900.0


async def rollback(to: str | None, by: str) -> Transaction:
    """Go back by stage0 alone; Refused with its code, or Failed(failed_safe)."""
    started = time.time()
    told = await _recover("--rollback", f"--by={by}", *([f"--to={to}"] if to else []))
    if told.get("state") != "ROLLED_BACK":
        raise Failed("failed_safe", "cannot roll back: the former release is not healthy either")
    return Transaction(
        id="",
        kind="rollback",
        state="ROLLED_BACK",
        phase="done",
        verdict="committed",
        source="",
        target=str(told.get("release", "")),
        started=datetime.fromtimestamp(started, UTC),
        finished=datetime.fromtimestamp(time.time(), UTC),
        by=by,
        notes="done by stage0: no engine answered",
    )


async def repair() -> Repaired:
    """Repair by stage0 alone."""
    told = await _recover("--repair")
    return Repaired(healthy=bool(told.get("repaired")), release="", detail=str(told.get("detail", "")))


async def _recover(*arguments: str) -> dict[str, Any]:
    program = [str(facts().paths.stage0 / "recover"), *arguments]
    command = program if os.geteuid() == 0 else ["sudo", "-n", *program]
    done = await anyio.to_thread.run_sync(partial(run, command, timeout_seconds=SECONDS_MAX))
    try:
        told = json.loads(done.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = done.errors.strip()[-300:]
        raise Failed("engine_unavailable", f"cannot reach the upgrade engine, nor run stage0: {said}") from None
    if isinstance(told, dict) and told.get("code") in CODES:
        raise Refused(str(told["code"]), str(told.get("detail", "")))
    return told if isinstance(told, dict) else {}
