"""Writes into the audit log who did what; the transitions of an upgrade are written by stage0."""

import time
from pathlib import Path
from typing import Any

from att.appliance import Facts
from att_stage0.audit import append


def write_audit(path: Path, action: str, *, by: str, door: str = "", request_id: str = "", **extra: Any) -> None:
    """Append who did what, through which door; `extra` must hold no secret. A full disk is told on stderr, no more."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    append(path, {"at": at, "action": action, "by": by, "door": door, "request_id": request_id, **extra})


def audit(facts: Facts, action: str, by: str, **extra: Any) -> None:
    """Append what an operator did to the machine at the SSH door (ADR 0015)."""
    write_audit(facts.paths.audit, f"machine.{action}", by=by, door="ssh", **extra)
