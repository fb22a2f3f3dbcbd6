"""Tokens written into a database without the API: the first token of cloud-init, and an operator's way back in."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from att.identity.credential import digest, new_token
from att.kernel.ids import new_id
from att.store import file

FIRST_TOKEN_NAME = "first"  # noqa: S105 - the name of a token
_HOUR_SECONDS = 3600


@dataclass(frozen=True)
class ResetToken:
    """The fresh token; `expires` in Unix seconds."""

    id: str
    token: str
    expires: float


def store_first_token(directory: Path, sha256: str, *, now: float) -> bool:
    """Make the token of that hash an admin token named `first`; False, and nothing done, once claimed.

    A second call with another hash replaces the first token, so that a corrected seed works after a reboot.
    """
    connection = file.take_fence(directory, patience_seconds=file.BUSY_SECONDS)
    try:
        if connection.execute("SELECT count(*) FROM claims").fetchone()[0]:
            connection.execute("ROLLBACK")
            return False
        connection.execute(
            "DELETE FROM tokens WHERE name = ? AND owner = '' AND sha256 <> ?", (FIRST_TOKEN_NAME, sha256)
        )
        known = connection.execute("SELECT count(*) FROM tokens WHERE sha256 = ?", (sha256,)).fetchone()[0]
        if not known:
            _insert(connection, new_id("tok"), sha256, FIRST_TOKEN_NAME, now, None)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise file.explained(error, "cannot store the first token") from error
    finally:
        connection.close()
    return True


def make_reset_token(directory: Path, *, now: float, hours: int) -> ResetToken:
    """Make an admin token that is good for `hours`."""
    made = ResetToken(id=new_id("tok"), token=new_token(), expires=now + hours * _HOUR_SECONDS)
    connection = file.take_fence(directory, patience_seconds=file.BUSY_SECONDS)
    try:
        _insert(connection, made.id, digest(made.token), "reset-admin", now, made.expires)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise file.explained(error, "cannot make an admin token") from error
    finally:
        connection.close()
    return made


def _insert(
    connection: sqlite3.Connection, token_id: str, sha256: str, name: str, now: float, expires: float | None
) -> None:
    connection.execute(
        "INSERT INTO tokens (id, sha256, name, role, kind, owner, created, expires)"
        " VALUES (?, ?, ?, 'admin', 'person', '', ?, ?)",
        (token_id, sha256, name, now, expires),
    )
