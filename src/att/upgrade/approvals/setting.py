"""The setting upgrade.approval as the engine believes it: of att.yaml alone, which root alone may write."""

import os
import stat
from pathlib import Path

from att.config.store import holding
from att.kernel.errors import AttError
from att.upgrade.approvals.decision import Setting


def approval_setting(config: Path) -> Setting:
    """Return `auto` only where the file says so, can be read whole, and is written by nobody but this user.

    Whatever else is the case is `required`: no file, one that does not validate, one that others may write. The
    environment is not asked.
    """
    try:
        status = config.stat()
        said = holding(config).values["upgrade"]["approval"]
    except (OSError, AttError):
        return "required"
    others = stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
    return "auto" if said == "auto" and status.st_uid == os.geteuid() and not others else "required"
