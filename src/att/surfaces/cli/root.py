"""Commands that only root can do: attctl runs itself again through sudo, at the SSH door (ADR 0015)."""

import os
import subprocess
import sys
from collections.abc import Sequence

from att.appliance import facts
from att.kernel.errors import Forbidden, Unavailable

ATTCTL = "/usr/bin/attctl"
_ASK_SECONDS_MAX = 10.0


def become_root(what: str) -> None:
    """Return as root, or do not return: the same command line runs once more through sudo, in place of this process.

    `what` completes "cannot …". Raises Unavailable("appliance_only") where this is no appliance, Forbidden where the
    caller may not use sudo.
    """
    if not facts().paths.run.is_dir():
        raise Unavailable(
            "appliance_only", f"cannot {what}: this is no appliance", hint="sign in to one with SSH as operator"
        )
    if os.geteuid() == 0:
        return
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False, timeout=_ASK_SECONDS_MAX)
    if asked.returncode != 0:
        raise Forbidden(
            "not_allowed",
            f"cannot {what}: only root may, and {who()} may not use sudo without a password",
            hint="sign in with SSH as operator",
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp("sudo", ["sudo", "-n", "--", ATTCTL, *without_token(sys.argv[1:])])  # noqa: S606 # nosec B606 - the operator's own sudo


def without_token(words: Sequence[str]) -> list[str]:
    """Return a command line without `--token` and its value: root needs none, and sudo writes what it runs to a log."""
    kept, rest = list[str](), iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        if word == "--token":
            next(rest, None)
        elif not word.startswith("--token="):
            kept.append(word)
    return kept


def who() -> str:
    """Return the name of the person at the door, whose command sudo may run now."""
    from att.surfaces.cli.target import user_name

    return os.environ.get("SUDO_USER") or user_name()
