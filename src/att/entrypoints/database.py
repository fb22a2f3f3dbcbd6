"""Makes, copies, migrates and fences the database: `python -m att.entrypoints.database VERB DIR …`.

Run by the upgrade engine and at first boot, as the service's user, with the venv of the release that owns the
migrations. The last line on stdout is the answer as one JSON object; before it `{"progress": …}` lines, so that
deadlines can follow what moves. An error is one JSON object on stderr, `{"error": {"code", "detail", …}}`.
"""

import argparse
import dataclasses
import errno
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from att.appliance import release_root
from att.kernel.errors import AttError, Failed, InvalidInput
from att.store import file
from att.store.migrations import Head, head

_FENCE_PATIENCE_SECONDS = 30.0
_TELL_SECONDS = 1.0
_RESET_HOURS = 24


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code of the error tree."""
    sys.dont_write_bytecode = True
    os.umask(0o077)
    options = _parser().parse_args(arguments)
    try:
        answer: dict[str, Any] | None = VERBS[options.verb](options)
    except AttError as error:
        return _refuse(error)
    except OSError as error:
        code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "internal"
        return _refuse(Failed(code, f"cannot {options.verb}: {error}"))
    if answer is not None:
        _say(answer)
    return 0


def _info(options: argparse.Namespace) -> dict[str, Any]:
    from att.store.migrating import read_head

    found = read_head(options.directory)
    connection = file.connect(options.directory)
    try:
        claimed = connection.execute("SELECT count(*) FROM claims").fetchone()[0] > 0
    finally:
        connection.close()
    size = (options.directory / file.DATABASE_FILE).stat().st_size
    return {**dataclasses.asdict(found), "claimed": claimed, "bytes": size}


def _create(options: argparse.Namespace) -> dict[str, Any]:
    return _migrated(options, create=True)


def _migrate(options: argparse.Namespace) -> dict[str, Any]:
    return _migrated(options, create=False)


def _migrated(options: argparse.Namespace, *, create: bool) -> dict[str, Any]:
    from att.store.migrating import Progress, migrate, read_head

    before: Head | None = None
    if (options.directory / file.DATABASE_FILE).is_file() and not create:
        before = read_head(options.directory)

    def progress(now: Progress) -> None:
        _say({"progress": {"verb": options.verb, **dataclasses.asdict(now)}})

    after = migrate(options.directory, options.migrations, progress, create=create)
    return {**dataclasses.asdict(after), "from_version": before.version if before else None}


def _snapshot(options: argparse.Namespace) -> dict[str, Any]:
    started = told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _TELL_SECONDS:
            told = now
            percent = round(100 * done / max(total, 1), 1)
            _say({"progress": {"verb": "snapshot", "elapsed_seconds": round(now - started, 1), "percent": percent}})

    size = file.snapshot(options.directory, options.target, progress)
    return {"snapshot": str(options.target), "bytes": size, "elapsed_seconds": round(time.monotonic() - started, 2)}


def _moment(options: argparse.Namespace) -> dict[str, Any]:
    """The database and the forge as they are at one moment, for a backup."""
    from att.store.repositories import copy_repositories

    target: Path = options.target
    target.mkdir(mode=0o700)
    size = file.snapshot(
        options.directory,
        target / "database",
        lambda _done, _total: None,
        lambda: copy_repositories(options.forge, target / "forge"),
    )
    return {"bytes": size}


def _fence(options: argparse.Namespace) -> None:
    """Hold the write lock until stdin closes; it falls by itself when this process or its parent dies."""
    connection = file.take_fence(options.directory, patience_seconds=options.patience)
    sys.stdout.write("held\n")
    sys.stdout.flush()
    # The pipe's end is the only signal: a parent that was killed closes it too.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    connection.close()


def _first_token(options: argparse.Namespace) -> dict[str, Any]:
    from att.identity.offline import store_first_token

    digest = sys.stdin.read(128).strip()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InvalidInput("invalid_input", "cannot store the first token: stdin must hold its SHA-256 in hex")
    return {"stored": store_first_token(options.directory, digest, now=time.time())}


def _reset_admin(options: argparse.Namespace) -> dict[str, Any]:
    from att.identity.offline import make_reset_token

    made = make_reset_token(options.directory, now=time.time(), hours=_RESET_HOURS)
    return {"token": made.token, "id": made.id, "expires": made.expires}


def _head(options: argparse.Namespace) -> dict[str, Any]:
    return dataclasses.asdict(head(options.migrations))


VERBS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "info": _info,
    "create": _create,
    "migrate": _migrate,
    "snapshot": _snapshot,
    "moment": _moment,
    "fence": _fence,
    "first-token": _first_token,
    "reset-admin": _reset_admin,
    "head": _head,
}

_SUMMARIES = {
    "info": "schema version of a database, and whether it is claimed",
    "create": "make the database in an empty or missing directory; nothing to do where it is complete",
    "migrate": "run the release's migrations that this database lacks",
    "snapshot": "copy the database into the directory TARGET, checked and synced",
    "moment": "copy the database and the bare repositories of FORGE, both of one moment, into the new directory TARGET",
    "fence": "hold the write lock, say `held`, let go when stdin closes",
    "first-token": "store an admin token whose SHA-256 (hex) stands on stdin, while the appliance is unclaimed",
    "reset-admin": "make a fresh admin token for an operator who lost theirs",
    "head": "schema version that this release's migrations lead to",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m att.entrypoints.database", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, summary in _SUMMARIES.items():
        made = verbs.add_parser(verb, help=summary, description=summary)
        if verb != "head":
            made.add_argument("directory", type=Path, help="directory that holds att.db")
        if verb in ("snapshot", "moment"):
            made.add_argument("target", type=Path, help="directory for the copy")
        if verb == "moment":
            made.add_argument("forge", type=Path, help="directory of the bare repositories, on the same file system")
        if verb == "fence":
            made.add_argument("--patience", type=float, default=_FENCE_PATIENCE_SECONDS, help="seconds to wait for it")
        if verb in ("create", "migrate", "head"):
            made.add_argument("--migrations", type=Path, default=release_root() / "upgrade" / "migrations")
    return parser


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _refuse(error: AttError) -> int:
    sys.stderr.write(json.dumps({"error": _told(error)}) + "\n")
    return error.exit_code


def _told(error: AttError) -> dict[str, Any]:
    return {
        "code": error.code,
        "detail": error.detail,
        "hint": error.hint,
        "field": error.field,
        "status": error.status,
        "exit_code": error.exit_code,
        "data": error.data,
    }


if __name__ == "__main__":
    sys.exit(main())
