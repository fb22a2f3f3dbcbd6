"""What the engine itself writes into the audit log, beside the transitions of its transactions."""

import time
from typing import Any

from att_stage0.world import World, append_line


def audit(world: World, action: str, *, by: str, door: str = "", request_id: str = "", **extra: Any) -> None:
    """Append one line: who did what, through which door."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    append_line(
        world.layout.audit, {"at": at, "action": action, "by": by, "door": door, "request_id": request_id, **extra}
    )
