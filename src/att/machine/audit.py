"""What an operator did to the machine at the SSH door: one line each in the audit log (ADR 0015)."""

import time
from typing import Any

from att.appliance import Facts
from att_stage0.world import append_line


def audit(facts: Facts, action: str, by: str, **extra: Any) -> None:
    """Append who did what; `extra` must hold no secret. A full disk is told on stderr and otherwise survived."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    append_line(facts.paths.audit, {"at": at, "action": f"machine.{action}", "by": by, "door": "ssh", **extra})
