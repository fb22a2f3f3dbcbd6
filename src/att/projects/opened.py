"""Every secret that lies sealed in the database, for who must know them to keep them out of a text.

Reads the database without the API, as its user: root would leave files beside it that the API cannot write.
"""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from att.effects.processes import run
from att.kernel.errors import Failed
from att.projects.sealed import Sealer
from att.projects.variables import open_credential, open_secret_variable

DATABASE = "att.db"
SECONDS_MAX = 20.0
_CHARS_MAX = 64 * 1024 * 1024
_BUSY_SECONDS = 5.0
# The second way sees what was checkpointed alone, and is only for a disk that takes no file beside the database.
_READ = """
import json, sqlite3, sys
def rows(mode):
    base = sqlite3.connect(f"file:{sys.argv[1]}?{mode}", uri=True, timeout=float(sys.argv[2]))
    variables = base.execute("SELECT project_id, name, hex(sealed) FROM project_variables WHERE secret").fetchall()
    return variables, base.execute("SELECT host, name, hex(sealed) FROM credentials").fetchall()
try:
    found = rows("mode=ro")
except sqlite3.OperationalError as error:
    if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR_SHM", "SQLITE_READONLY", "SQLITE_FULL")):
        raise
    found = rows("immutable=1")
print(json.dumps(found))
"""


def sealed_values(database: Path, key: Path, user: str | None) -> Iterator[str]:
    """Yield the values of secret variables and credentials; nothing where there is no database yet.

    `database` is its directory, `key` the sealing key, `user` who owns the database (None: this process's user).
    Raises Failed(internal) when the database cannot be read, and after all the others what Sealer raises for a value
    it cannot open.
    """
    file = database / DATABASE
    if not file.exists():
        return
    read = run(
        [sys.executable, "-I", "-c", _READ, str(file), str(_BUSY_SECONDS)],
        timeout_seconds=SECONDS_MAX,
        user=user,
        output_chars_max=_CHARS_MAX,
    )
    if not read.ok:
        why = read.errors.strip().rpartition("\n")[2] or "it takes too long"
        raise Failed("internal", f"cannot read the database: {why}")
    variables, credentials = json.loads(read.output)
    sealer, broken = Sealer(key), list[Failed]()
    opening = [
        *(partial(open_secret_variable, sealer, *row) for row in _bytes(variables)),
        *(partial(open_credential, sealer, *row) for row in _bytes(credentials)),
    ]
    for opened in opening:
        try:
            value = opened()
        except Failed as error:
            broken.append(error)
        else:
            yield value
    if broken:
        raise broken[0]


def _bytes(rows: list[list[str]]) -> Iterator[tuple[str, str, bytes]]:
    return ((place, name, bytes.fromhex(sealed)) for place, name, sealed in rows)
