"""Rollback and repair when no engine answers: stage0 does them, at the SSH door, as root or through sudo."""

import json
import os
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread

from att.appliance import facts
from att.config.live import LiveSettings
from att.effects.processes import run
from att.kernel.codes import CODES
from att.kernel.errors import Failed, Refused
from att.upgrade.release_sources import RegistrySource, ServiceSource, first_answer
from att.upgrade.schema import Repaired, Transaction
from att_stage0.layout import Layout
from att_stage0.readiness import SocketReadyz

SECONDS_MAX = 900.0


async def rollback(to: str | None, by: str, *, override: bool = False) -> Transaction:
    """Go back by stage0 alone; Refused with its code, or Failed(failed_safe)."""
    started = time.time()
    machine = LiveSettings(facts().paths.config).current().upgrade.context
    # An image from before the policy knows neither option.
    policy = [f"--context={machine}"] * (machine != "appliance") + ["--override"] * override
    told = await _recover("--rollback", f"--by={by}", *([f"--to={to}"] if to else []), *policy)
    if told.get("state") != "ROLLED_BACK":
        raise Failed("failed_safe", "cannot roll back: the former release is not healthy either")
    layout = Layout.read()
    release = str(told.get("release", ""))
    known = first_answer([RegistrySource(layout), ServiceSource(SocketReadyz(layout.api_socket))])
    asked_for = {"requested_release_id": release, "rollback_target_release_id": release}
    return Transaction(
        id="",
        kind="rollback",
        state="ROLLED_BACK",
        phase="done",
        verdict="committed",
        source="",
        target=release,
        started=datetime.fromtimestamp(started, UTC),
        finished=datetime.fromtimestamp(time.time(), UTC),
        by=by,
        notes="done by stage0: no engine answered",
        **{**known.release_ids(), **asked_for},
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
