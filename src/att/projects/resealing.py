"""Seals everything in a database again, when another key takes the place of the one it was sealed with.

Works beside a running API, as the database's user and in one transaction: rows that the API writes meanwhile are sealed
with the new key already, and are left alone.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from att.effects.processes import run
from att.kernel.errors import Failed
from att.projects.opened import DATABASE
from att.projects.sealed import Sealer
from att.projects.variables import credential_place, variable_place

SECONDS_MAX = 60.0
_CHARS_MAX = 64 * 1024 * 1024
_READ = """
import json, sqlite3, sys
base = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=10)
here = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
def rows(table, columns):
    return base.execute(f"SELECT {columns}, hex(sealed), rowid FROM {table}").fetchall() if table in here else []
print(json.dumps([rows("project_variables", "project_id, name, secret"), rows("credentials", "host, name")]))
"""
_WRITE = """
import json, sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
base.execute("BEGIN IMMEDIATE")
for table, rowid, before, after in json.load(sys.stdin):
    given = bytes.fromhex(after), rowid, bytes.fromhex(before)
    base.execute(f"UPDATE {table} SET sealed = ? WHERE rowid = ? AND sealed = ?", given)
base.execute("COMMIT")
"""


@dataclass(frozen=True)
class Resealed:
    """How many rows were sealed again, and how many open with neither key, as they did before."""

    rows: int
    unreadable: int


def reseal(database: Path, key: Path, user: str | None) -> Resealed:
    """Seal all that the former key in the file `key` sealed in the database of a directory with the present one.

    `user` owns the database (None: this process's user). Raises Failed(internal), Unavailable(sealing_key_missing).
    """
    file = database / DATABASE
    if not file.exists():
        return Resealed(0, 0)
    sealer, changes, unreadable = Sealer(key), [], 0
    variables, credentials = json.loads(_asked(_READ, file, user))
    places = [
        *(("project_variables", variable_place(*row[:2], secret=bool(row[2])), *row[3:]) for row in variables),
        *(("credentials", credential_place(*row[:2]), *row[2:]) for row in credentials),
    ]
    for table, place, sealed, rowid in places:
        try:
            after = sealer.renewed(bytes.fromhex(sealed), *place)
        except Failed:
            unreadable += 1
            continue
        if after is not None:
            changes.append((table, rowid, sealed, after.hex()))
    if changes:
        _asked(_WRITE, file, user, json.dumps(changes))
    return Resealed(len(changes), unreadable)


def _asked(script: str, file: Path, user: str | None, text: str = "") -> str:
    done = run(
        [sys.executable, "-I", "-c", script, str(file)],
        timeout_seconds=SECONDS_MAX,
        user=user,
        input_text=text,
        output_chars_max=_CHARS_MAX,
    )
    if not done.ok:
        why = done.errors.strip().rpartition("\n")[2] or "it takes too long"
        raise Failed("internal", f"cannot seal the secrets in {file} again: {why}")
    return done.output
