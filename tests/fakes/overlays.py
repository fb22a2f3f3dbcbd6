"""What is laid over a release to make another one of it: code that misbehaves, migrations, other assets."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from att.store.migrations import head

SITE = "venv/lib/python3.13/site-packages"
MIGRATIONS = "upgrade/migrations"
ASSETS = "console/assets"

Overlay = Mapping[str, bytes | Callable[[bytes], bytes] | None]
"""Path in the release → its new content, a change of its content, or None to remove it."""


def in_the_running_api(code: str) -> Callable[[Path], Overlay]:
    """Return an overlay that runs `code` at the start of every API process, but not in a self-test."""
    guarded = "\n".join(f"    {line}" for line in code.strip().splitlines())
    module = (
        f"import sys\n\nif 'att.entrypoints.api' in sys.orig_argv and '--self-test' not in sys.orig_argv:\n{guarded}\n"
    )
    return lambda _release: {
        # Python runs a .pth of its site-packages before the program, whatever the program looks like.
        f"{SITE}/att_variant.pth": b"import att_variant\n",
        f"{SITE}/att_variant.py": module.encode(),
    }


def dies_after_ready(seconds: float) -> Callable[[Path], Overlay]:
    """Return an overlay whose API kills itself that long after it first spoke to the service manager."""
    return in_the_running_api(f"""
import os, threading

def _watch(event, arguments, armed=[]):
    if event == "socket.connect" and arguments[1] == os.environ.get("NOTIFY_SOCKET") and not armed:
        armed.append(True)
        threading.Timer({seconds}, os._exit, [70]).start()

sys.addaudithook(_watch)
""")


def engine_that_dies_when_asked() -> Overlay:
    """Return an overlay whose engine kills itself once its journal has the record that a file names by its number."""
    return appended(
        f"{SITE}/att_stage0/journal.py",
        """
_real_append = Journal.append


def _append_and_die(self: Journal, transaction: str, body: dict[str, Any]) -> Record:
    import signal, sys

    record = _real_append(self, transaction, body)
    order = Path("/var/lib/att/upgrade/kill-at")
    if "att.entrypoints.upgraded" in sys.orig_argv and order.exists() and record.sequence >= int(order.read_text()):
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return record


Journal.append = _append_and_die  # type: ignore[method-assign]
""",
    )(Path())


def more_migrations(*changes: str, also: str = "") -> Callable[[Path], Overlay]:
    """Return an overlay with a migration more for each class in `changes`; each adds a table, the last does `also`."""

    def overlay(release: Path) -> Overlay:
        ends = head(release / MIGRATIONS)
        number, reader = ends.version, ends.min_reader
        found: dict[str, bytes] = {}
        for left, change in zip(reversed(range(len(changes))), changes, strict=True):
            number += 1
            reader = number if change == "breaking" else reader
            body = f'    op.create_table("variant_{number}", sa.Column("id", sa.Integer, primary_key=True))\n'
            body += "" if left else f"    {also}"
            text = (
                f'"""A variant for tests."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
                f'revision = "{number:04}"\ndown_revision = "{number - 1:04}"\n'
                f'CLASS = "{change}"\nMIN_READER = {reader}\n\n\ndef upgrade() -> None:\n{body.rstrip()}\n'
            )
            found[f"{MIGRATIONS}/versions/{number:04}_variant.py"] = text.encode()
        return found

    return overlay


def other_assets(release: Path) -> Overlay:
    """Return an overlay whose console has the same assets under other hashed names, as any change of it makes them."""
    names = [path.name for path in (release / ASSETS).iterdir()]
    renamed = {name: f"{name[:1]}{hashlib.sha256(name.encode()).hexdigest()[:8]}-{name}" for name in names}

    def page(text: bytes) -> bytes:
        for old, new in renamed.items():
            text = text.replace(old.encode(), new.encode())
        return text

    moved: dict[str, bytes | None] = {f"{ASSETS}/{old}": None for old in names}
    added = {f"{ASSETS}/{new}": page((release / ASSETS / old).read_bytes()) for old, new in renamed.items()}
    return {**moved, **added, "console/index.html": page}


def appended(path: str, code: str) -> Callable[[Path], Overlay]:
    """Return an overlay that has `code` at the end of one file."""
    return lambda _release: {path: lambda old: old + b"\n\n" + code.strip().encode() + b"\n"}
