"""Where it is written what the site demands: in the file on trial, else in the one that is kept.

Standard library alone: `att-run` reads it at the start of a task.
"""

from pathlib import Path

from att.site.decision import Site, site_of
from att.site.trust import pem_of

TRIAL_FILE = "run/systemd/network/04-att-trial.network"
KEPT_FILE = "etc/systemd/network/05-att.network"
"""Below the root: `attctl network` writes each in one rename; the first is gone after two minutes or a reboot."""


def site_at(root: Path) -> Site:
    """Return what holds now below `root`. Raises ValueError for a file that says what cannot be, OSError."""
    for name in (TRIAL_FILE, KEPT_FILE):
        try:
            return site_of((root / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
    return Site()


def authorities_at(root: Path) -> str:
    """Return the site's own authorities that hold now below `root`, as PEM; none where the file cannot be read."""
    try:
        return pem_of(site_at(root).authorities)
    except (OSError, ValueError):
        return ""
