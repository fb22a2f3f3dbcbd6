"""Reads and writes the rows of identity; the rules are in `decision`, the order of things in `service`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, insert, select, update

from att.identity.decision import SESSION_IDLE_SECONDS, Lifetime, session_lives
from att.identity.offline import FIRST_TOKEN_NAME
from att.identity.schema import ROLES, RoleName, Token
from att.identity.tables import claims, sessions, tokens, users
from att.kernel.operation import Caller, Role
from att.store.connection import Connection


@dataclass(frozen=True)
class Account:
    """A user with what signs it in."""

    caller: Caller
    password_hash: str


@dataclass(frozen=True)
class Holder:
    """Who a credential stands for, how long it lives, when it was last used."""

    caller: Caller
    life: Lifetime
    last_used: float | None


# Asked in nearly every call: made once, so that SQLAlchemy need not build and recognise it each time.
_HELD = select(tokens).where(tokens.c.sha256 == bindparam("sha256"))


async def is_claimed(connection: Connection) -> bool:
    """Whether the first admin exists."""
    return bool((await connection.execute(select(exists().where(claims.c.id == 1)))).scalar_one())


async def account(connection: Connection, name: str) -> Account | None:
    """Return the user of that name, whatever its case."""
    row = (await connection.execute(select(users).where(users.c.name_folded == name.casefold()))).one_or_none()
    return None if row is None else Account(_user(row), row.password_hash)


async def add_admin(connection: Connection, user_id: str, name: str, password_hash: str, now: float) -> Caller:
    """Make the first admin and close the claim for ever."""
    await connection.execute(
        insert(users).values(
            id=user_id, name=name, name_folded=name.casefold(), password_hash=password_hash, role="admin", created=now
        )
    )
    await connection.execute(insert(claims).values(id=1, user_id=user_id, claimed=now))
    return Caller(id=user_id, name=name, role=Role.ADMIN)


async def token_holder(connection: Connection, sha256: str) -> Holder | None:
    """Return who holds the API token of that hash, alive or not."""
    row = (await connection.execute(_HELD, {"sha256": sha256})).one_or_none()
    if row is None:
        return None
    return Holder(_token_caller(row), Lifetime(row.expires, row.revoked), row.last_used)


async def is_first_token(connection: Connection, sha256: str, now: float) -> bool:
    """Whether this is cloud-init's first token, which may stand for the claim code."""
    query = select(tokens.c.expires, tokens.c.revoked).where(
        tokens.c.sha256 == sha256, tokens.c.name == FIRST_TOKEN_NAME, tokens.c.owner == ""
    )
    row = (await connection.execute(query)).one_or_none()
    return row is not None and Lifetime(row.expires, row.revoked).lives(now)


async def session_holder(connection: Connection, sha256: str, now: float) -> Holder | None:
    """Return who a living session stands for; one made with a token lives as long as that at most."""
    row = (await connection.execute(select(sessions).where(sessions.c.sha256 == sha256))).one_or_none()
    if row is None or not session_lives(now, last_seen=row.last_seen, expires=row.expires):
        return None
    if row.user_id is not None:
        user = (await connection.execute(select(users).where(users.c.id == row.user_id))).one()
        return Holder(_user(user), Lifetime(row.expires), row.last_seen)
    token = (await connection.execute(select(tokens).where(tokens.c.id == row.token_id))).one()
    life = Lifetime(token.expires, token.revoked)
    return Holder(_token_caller(token), Lifetime(row.expires), row.last_seen) if life.lives(now) else None


async def add_session(connection: Connection, sha256: str, caller: Caller, now: float, expires: float) -> None:
    """Store a session of a user, or of the token that `caller` came with."""
    await connection.execute(
        insert(sessions).values(
            sha256=sha256,
            user_id=None if caller.token_id else caller.id,
            token_id=caller.token_id,
            created=now,
            last_seen=now,
            expires=expires,
        )
    )


async def has_session(connection: Connection, sha256: str) -> bool:
    """Whether there is a row of a session, living or not."""
    return bool((await connection.execute(select(exists().where(sessions.c.sha256 == sha256)))).scalar_one())


async def drop_session(connection: Connection, sha256: str) -> bool:
    """Delete a session; False if there was none."""
    return (await connection.execute(delete(sessions).where(sessions.c.sha256 == sha256))).rowcount > 0


async def drop_all_sessions(connection: Connection) -> int:
    """Delete every session and return how many there were."""
    return (await connection.execute(delete(sessions))).rowcount


async def touch(connection: Connection, sha256: str, now: float) -> None:
    """Note that the token or session of that hash was used."""
    await connection.execute(update(tokens).where(tokens.c.sha256 == sha256).values(last_used=now))
    await connection.execute(update(sessions).where(sessions.c.sha256 == sha256).values(last_seen=now))


async def add_token(
    connection: Connection,
    *,
    token_id: str,
    sha256: str,
    name: str,
    role: RoleName,
    kind: str,
    owner: str,
    now: float,
    expires: float | None,
) -> None:
    """Store a token by its hash."""
    await connection.execute(
        insert(tokens).values(
            id=token_id, sha256=sha256, name=name, role=role, kind=kind, owner=owner, created=now, expires=expires
        )
    )


async def token_life(connection: Connection, token_id: str) -> Lifetime | None:
    """Return how long a token lives."""
    row = (await connection.execute(select(tokens.c.expires, tokens.c.revoked).where(tokens.c.id == token_id))).first()
    return None if row is None else Lifetime(row.expires, row.revoked)


async def one_token(connection: Connection, token_id: str) -> Token | None:
    """Return a token without its secret."""
    row = (await connection.execute(select(tokens).where(tokens.c.id == token_id))).one_or_none()
    return None if row is None else _token(row)


async def all_tokens(connection: Connection) -> list[tuple[Token, Lifetime]]:
    """Return all tokens, newest first."""
    rows = (await connection.execute(select(tokens).order_by(tokens.c.created.desc(), tokens.c.id))).all()
    return [(_token(row), Lifetime(row.expires, row.revoked)) for row in rows]


async def revoke(connection: Connection, token_id: str, now: float) -> None:
    """Revoke a token and end the sessions made with it."""
    await connection.execute(
        update(tokens).where(tokens.c.id == token_id, tokens.c.revoked.is_(None)).values(revoked=now)
    )
    await connection.execute(delete(sessions).where(sessions.c.token_id == token_id))


async def sweep(connection: Connection, now: float) -> None:
    """Delete sessions that have ended."""
    idle = sessions.c.last_seen < now - SESSION_IDLE_SECONDS
    await connection.execute(delete(sessions).where((sessions.c.expires <= now) | idle))


def _user(row: Row[Any]) -> Caller:
    return Caller(id=row.id, name=row.name, role=ROLES[row.role])


def _token_caller(row: Row[Any]) -> Caller:
    return Caller(id=row.id, name=row.name, role=ROLES[row.role], kind=row.kind, token_id=row.id)


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        kind=row.kind,
        owner=row.owner,
        created=_moment(row.created),
        expires=_moment(row.expires) if row.expires is not None else None,
        last_used=_moment(row.last_used) if row.last_used is not None else None,
        revoked=_moment(row.revoked) if row.revoked is not None else None,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
