"""Claims, signs in and out, authenticates, and manages API tokens."""

import hmac
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from att.events.schema import EventType
from att.identity import records
from att.identity.behind import UNWRITABLE, Made, SessionsBehind
from att.identity.credential import digest, is_session, is_token, new_session, new_token, normal_claim_code
from att.identity.decision import (
    Lifetime,
    account_problem,
    grant_expires,
    grant_problem,
    may_manage,
    session_expires,
    worth_touching,
)
from att.identity.known import KnownTokens
from att.identity.limiter import Limiter
from att.identity.password import UNUSABLE, Passwords
from att.identity.ports import Bus
from att.identity.records import Holder
from att.identity.schema import ROLES, SessionsPurged, SignedIn, Token, TokenCreate, TokenCreated, TokenPage
from att.identity.signed import is_signed, signed_caller
from att.kernel.errors import AttError, Conflict, Forbidden, InvalidInput, NotFound, NotSignedIn, TooMany, Unavailable
from att.kernel.ids import new_id
from att.kernel.operation import Caller
from att.store.connection import Connection
from att.store.service import Store

CLAIM_FILE = "claim.sha256"
_CLAIM_FILE_BYTES_MAX = 256


class Identity:
    """Who calls. `keys` is the directory of local.pub, gate.pub and claim.sha256, read at each use."""

    def __init__(
        self,
        store: Store,
        events: Bus,
        keys: Path,
        *,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        self._store = store
        self._events = events
        self._keys = keys
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._claims = Limiter(per_key=10, total=10)
        self._peers = Limiter(per_key=10, total=100)
        self._names = Limiter(per_key=30, total=1_000)
        self._tokens = KnownTokens()
        self._touched: dict[str, float] = {}
        self._behind = SessionsBehind()
        store.sweeps(self._sweep)

    async def claimed(self) -> bool:
        """Whether the first admin exists."""
        async with self._store.read() as connection:
            return await records.is_claimed(connection)

    async def claim(self, code: str, name: str, password: str, *, peer: str) -> SignedIn:
        """Make the first admin and sign it in, once for ever.

        Raises Conflict(already_claimed), Forbidden(claim_code_wrong), InvalidInput(password_weak, invalid_input),
        TooMany(rate_limited: ten tries a minute for each peer and for all together).
        """
        if await self.claimed():
            raise _already_claimed()
        self._limit(self._claims, peer, self._clock())
        if not await self._is_claim_code(code):
            self._refused("claim", peer)
            raise Forbidden("claim_code_wrong", "cannot claim: the code is not this appliance's")
        problem = account_problem(name, password)
        if problem:
            raise problem
        hashed = await self._passwords.hashed(password)
        now, secret = self._clock(), new_session()
        expires = session_expires(now, token_expires=None)
        async with self._store.write() as connection:
            # Asked again under the write lock: two claims at once make one admin.
            if await records.is_claimed(connection):
                raise _already_claimed()
            caller = await records.add_admin(connection, new_id("usr"), name, hashed, now)
            await records.add_session(connection, digest(secret), caller, now, expires)
        self._events.publish(EventType.AUTH_CLAIMED, {"name": name})
        return SignedIn(secret, expires, expires - now, caller)

    async def sign_in(
        self, *, name: str | None = None, password: str | None = None, token: str | None = None, peer: str
    ) -> SignedIn:
        """Exchange a name and password, or an API token, for a session.

        Raises NotSignedIn(sign_in_wrong) whatever was wrong, TooMany(rate_limited).
        """
        tried = self._clock()
        self._limit(self._peers, peer, tried)
        if token is not None:
            holder = await self._token_holder(token)
            caller, token_expires = (holder.caller, holder.life.expires) if holder else (None, None)
        else:
            if name is None or password is None:
                raise InvalidInput("invalid_input", "cannot sign in: give name and password, or token", field="name")
            self._limit(self._names, name.casefold(), tried)
            caller, token_expires = await self._by_password(name, password), None
        if caller is None:
            self._refused("sign_in", peer)
            raise NotSignedIn("sign_in_wrong", "cannot sign in: the credentials are not valid")
        self._peers.refund(peer, tried)
        now, secret = self._clock(), new_session()
        expires = session_expires(now, token_expires=token_expires)
        try:
            async with self._store.write() as connection:
                await records.add_session(connection, digest(secret), caller, now, expires)
        except Unavailable as error:
            if error.code not in UNWRITABLE:
                raise
            self._behind.make(digest(secret), Made(caller, now, expires))
        self._events.publish(EventType.AUTH_SIGNED_IN, {"name": caller.name, "kind": caller.kind})
        return SignedIn(secret, expires, expires - now, caller)

    async def sign_out(self, cookie: str) -> None:
        """End the session of that cookie; one that is none is ignored."""
        if not is_session(cookie):
            return
        holder = await self._session_holder(digest(cookie), self._clock())
        try:
            async with self._store.write() as connection:
                await records.drop_session(connection, digest(cookie))
        except Unavailable as error:
            if error.code not in UNWRITABLE:
                raise
        if holder:
            # A living session alone: cookies that strangers invent must not push out what was ended before its row.
            self._behind.end(digest(cookie))
            self._events.publish(EventType.AUTH_SIGNED_OUT, {"name": holder.caller.name})

    async def purge_sessions(self, caller: Caller) -> SessionsPurged:
        """End every session, the caller's own too; whoever came with an API token notices nothing."""
        ended = self._behind.forget()
        async with self._store.write() as connection:
            ended += await records.drop_all_sessions(connection)
        self._events.publish(EventType.AUTH_SIGNED_OUT, {"name": caller.name, "everybody": True})
        return SessionsPurged(ended=ended)

    async def authenticate(self, *, bearer: str | None = None, cookie: str | None = None) -> Caller:
        """Return who calls, or raise NotSignedIn(not_signed_in). Never writes in a way that can fail a request.

        `bearer` wins over `cookie`. The health gate's token gives a Caller of kind `gate` with Role.ANYONE: it may
        use the canary and health routes only.
        """
        caller = await self._by_bearer(bearer) if bearer is not None else await self._by_cookie(cookie)
        if caller is None:
            raise NotSignedIn("not_signed_in", "cannot tell who calls: the token or session is missing or not valid")
        return caller

    async def create_token(self, caller: Caller, request: TokenCreate) -> TokenCreated:
        """Make a token; the secret is in this answer and nowhere else. Raises Forbidden(not_allowed|people_only)."""
        now, secret, token_id = self._clock(), new_token(), new_id("tok")
        async with self._store.write() as connection:
            own = await records.token_life(connection, caller.token_id) if caller.token_id else None
            expires = grant_expires(now, request.expires_days, own)
            self._check_grant(caller, own, request, expires, now)
            await records.add_token(
                connection,
                token_id=token_id,
                sha256=digest(secret),
                name=request.name,
                role=request.role,
                kind=request.kind,
                owner=caller.id,
                now=now,
                expires=expires,
            )
            made = await _known(connection, token_id)
        self._events.publish(EventType.TOKEN_CREATED, {"id": made.id, "name": made.name, "role": made.role})
        return TokenCreated(**made.model_dump(), token=secret)

    async def list_tokens(self, caller: Caller, *, all_states: bool = False) -> TokenPage:
        """Return the caller's tokens, for an admin everybody's; newest first. Ended ones only with `all_states`."""
        now = self._clock()
        async with self._store.read() as connection:
            found = await records.all_tokens(connection)
        return TokenPage(
            tokens=[
                token
                for token, life in found
                if may_manage(caller, owner=token.owner, token_id=token.id) and (all_states or life.lives(now))
            ]
        )

    async def revoke_token(self, caller: Caller, token_id: str) -> Token:
        """Revoke a token and its sessions at once. Raises NotFound(token_unknown) for what the caller may not see."""
        try:
            async with self._store.write() as connection:
                token = await _known(connection, token_id)
                if not may_manage(caller, owner=token.owner, token_id=token.id):
                    raise _unknown(token_id)
                self._behind.forget(token_id)
                await records.revoke(connection, token_id, self._clock())
                token = await _known(connection, token_id)
        finally:
            self._tokens.forget()  # also when it is not known whether the change was made
        self._events.publish(EventType.TOKEN_REVOKED, {"id": token.id, "name": token.name})
        return token

    async def ensure_admin(self, name: str, secret: str) -> None:
        """For `make dev`: the database is claimed by user `name`, and `secret` is an admin token. Idempotent."""
        now = self._clock()
        async with self._store.write() as connection:
            if not await records.is_claimed(connection):
                await records.add_admin(connection, new_id("usr"), name, UNUSABLE, now)
            if await records.token_holder(connection, digest(secret)) is None:
                await records.add_token(
                    connection,
                    token_id=new_id("tok"),
                    sha256=digest(secret),
                    name=name,
                    role="admin",
                    kind="person",
                    owner="",
                    now=now,
                    expires=None,
                )

    async def _by_bearer(self, token: str) -> Caller | None:
        if is_signed(token):
            return await anyio.to_thread.run_sync(signed_caller, self._keys, token, self._clock())
        holder = await self._token_holder(token)
        return holder.caller if holder else None

    async def _token_holder(self, token: str) -> Holder | None:
        """Return who holds a living API token, and note its use."""
        if not is_token(token):
            return None
        now, sha256 = self._clock(), digest(token)
        holder = self._tokens.get(sha256) or await self._looked_up(sha256)
        if holder is None or not holder.life.lives(now):
            return None
        await self._touch(sha256, holder.last_used, now)
        return holder

    async def _looked_up(self, sha256: str) -> Holder | None:
        changes = self._tokens.changes
        async with self._store.read() as connection:
            holder = await records.token_holder(connection, sha256)
        if holder is not None:
            self._tokens.put(sha256, holder, changes)
        return holder

    async def _by_cookie(self, cookie: str | None) -> Caller | None:
        if cookie is None or not is_session(cookie):
            return None
        now, sha256 = self._clock(), digest(cookie)
        holder = await self._session_holder(sha256, now)
        if holder is None:
            return None
        await self._touch(sha256, holder.last_used, now)
        return holder.caller

    async def _session_holder(self, sha256: str, now: float) -> Holder | None:
        if self._behind.has_ended(sha256):
            return None
        async with self._store.read() as connection:
            found = await records.session_holder(connection, sha256, now)
        return found or self._behind.holder(sha256, now)

    async def _by_password(self, name: str, password: str) -> Caller | None:
        async with self._store.read() as connection:
            found = await records.account(connection, name)
        good = await self._passwords.verify(found.password_hash if found else None, password)
        return found.caller if found and good else None

    async def _touch(self, sha256: str, last: float | None, now: float) -> None:
        """Note the use, at most once a minute, and not at all while writes are fenced."""
        tried = self._touched.get(sha256)
        if not worth_touching(now, max(filter(None, (last, tried)), default=None)):
            return
        self._touched[sha256] = now
        with suppress(AttError):
            async with self._store.write(patience_seconds=0) as connection:
                await records.touch(connection, sha256, now)

    async def _is_claim_code(self, code: str) -> bool:
        expected = await anyio.to_thread.run_sync(_read_claim_hash, self._keys / CLAIM_FILE)
        if hmac.compare_digest(digest(normal_claim_code(code)), expected):
            return True
        if not is_token(code.strip()):
            return False
        async with self._store.read() as connection:
            return await records.is_first_token(connection, digest(code.strip()), self._clock())

    def _check_grant(
        self, caller: Caller, own: Lifetime | None, request: TokenCreate, expires: float, now: float
    ) -> None:
        problem = grant_problem(caller, own, role=ROLES[request.role], kind=request.kind, expires=expires, now=now)
        if problem:
            raise problem

    def _limit(self, limiter: Limiter, key: str, now: float) -> None:
        wait = limiter.take(key, now)
        if wait:
            raise TooMany("rate_limited", f"cannot try again yet: wait {wait} s", retry_after_seconds=wait)

    def _refused(self, what: str, peer: str) -> None:
        self._events.publish(EventType.AUTH_REFUSED, {"what": what, "peer": peer})

    async def _sweep(self, connection: Connection) -> None:
        now = self._clock()
        self._touched = {key: at for key, at in self._touched.items() if not worth_touching(now, at)}
        await records.sweep(connection, now)
        await self._behind.write(connection, now)


async def _known(connection: Connection, token_id: str) -> Token:
    token = await records.one_token(connection, token_id)
    if token is None:
        raise _unknown(token_id)
    return token


def _unknown(token_id: str) -> NotFound:
    return NotFound("token_unknown", f"cannot find the token {token_id[:64]}", field="token_id")


def _already_claimed() -> Conflict:
    return Conflict("already_claimed", "cannot claim: this appliance has an admin")


def _read_claim_hash(path: Path) -> str:
    """Return the hash of the claim code; a text that no hash equals where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_CLAIM_FILE_BYTES_MAX).decode("ascii", errors="ignore").strip().lower()
    except OSError:
        return ""
