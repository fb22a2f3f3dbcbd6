"""A clock that is years away: what credentials, records and an upgrade become meanwhile and after."""

from dataclasses import dataclass
from pathlib import Path

import anyio
from argon2 import PasswordHasher
from tests.crash.ailing import Seen
from tests.crash.appliance import ACCEPTED, NEXT, Appliance, made, parts_of
from tests.crash.machine import Clock, Crash
from tests.crash.twice import wrongs
from tests.fakes.database import HandClock, make_database, opened

from att.audit.schema import AuditListRequest
from att.audit.service import Audit
from att.events.service import Events
from att.identity.credential import digest, new_token
from att.identity.password import Passwords
from att.identity.records import add_token, has_session
from att.identity.service import Identity
from att.kernel.errors import NotSignedIn
from att.kernel.operation import Caller, Role
from att.store.service import Store

YEAR = 365 * 86_400.0
PASSWORD = "correct horse battery"
CODE = "ABCDEFGHJKMN"
ANN = Caller("usr_1", "ann", Role.ADMIN)
KEPT = "att.kept"


@dataclass
class Set(Clock):
    """A clock that somebody set by `shift` seconds; what counts seconds since boot goes on."""

    shift: float = 0.0

    def now(self) -> float:
        return super().now() + self.shift


class Rooms:
    """Identity, audit and events over one database and one clock."""

    def __init__(self, store: Store, folder: Path, clock: HandClock) -> None:
        self.store, self.clock, self.token = store, clock, new_token()
        events = Events(store, clock=clock)
        keys = folder / "keys"
        keys.mkdir()
        (keys / "claim.sha256").write_text(digest(CODE) + "\n")
        quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.identity = Identity(store, events, keys, clock=clock, passwords=quick)
        self.audit = Audit(store, clock=clock)
        self.written = 0

    async def record(self) -> None:
        """Write what must stay."""
        self.written += 1
        await self.audit.record(ANN, KEPT, {}, "ok", f"req_{self.written}")
        await self.store.outbox.load()

    async def enter(self) -> str:
        """Sign in by password; returns the cookie."""
        return (await self.identity.sign_in(name="ann", password=PASSWORD, peer="p")).secret

    async def knows(self, *, bearer: str | None = None, cookie: str | None = None) -> bool:
        try:
            await self.identity.authenticate(bearer=bearer, cookie=cookie)
        except NotSignedIn:
            return False
        return True

    async def none_lost(self) -> None:
        """Sweep, and have every record still there."""
        await self.store.sweep()
        page = await self.audit.list(AuditListRequest(operation=KEPT, limit=100))
        assert len(page.records) == self.written


async def _credentials(folder: Path, shift: float) -> bool:
    """Move the clock and back; returns whether a token of ninety days is good meanwhile."""
    clock = HandClock()
    async with opened(make_database(folder), clock=clock) as store:
        rooms = Rooms(store, folder, clock)
        first = (await rooms.identity.claim(CODE, "ann", PASSWORD, peer="p")).secret
        async with store.write() as connection:
            await add_token(
                connection,
                token_id="tok_1",
                sha256=digest(rooms.token),
                name="ci",
                role="viewer",
                kind="agent",
                owner="",
                now=clock(),
                expires=clock() + 90 * 86_400,
            )
        for _ in range(3):
            await rooms.record()
        clock.advance(shift)
        token_is_good = await rooms.knows(bearer=rooms.token)
        assert not await rooms.knows(cookie=first)
        meanwhile = await rooms.enter()  # the hint: sign in
        assert await rooms.knows(cookie=meanwhile)
        await rooms.record()
        await rooms.none_lost()
        clock.advance(-shift)
        assert await rooms.knows(bearer=rooms.token)
        assert not await rooms.knows(cookie=meanwhile)
        assert await rooms.knows(cookie=await rooms.enter())
        await rooms.record()
        await rooms.none_lost()
        async with store.read() as connection:
            assert await has_session(connection, digest(first)) is (shift < 0)
        return token_is_good


def _upgrades(folder: Path, shift: float) -> None:
    """Set the clock in the middle of an upgrade, of one that a power cut ends, and before one."""
    for effect, dies in (("journal SWITCHED done", ""), ("journal PREFLIGHT done", "journal RESTARTED done")):
        machine, clock = _machine(folder / f"m{len(dies)}"), Set()
        machine.clock = clock
        machine.hooks[effect] = lambda clock=clock: setattr(clock, "shift", shift)  # type: ignore[misc] # bound now
        machine.dies_before = dies or None
        try:
            assert machine.bring_file(machine.root.parent / "next.attb") == ACCEPTED
        except Crash:
            machine.power_cut()
            machine.boot()
        assert clock.shift == shift
        transaction = machine.world().transaction()
        assert transaction is not None
        assert transaction.state == "COMMITTED"
        assert list(wrongs(machine)) == []


def _machine(folder: Path) -> Appliance:
    folder.mkdir()
    parts_of(NEXT).write(folder / "next.attb")
    return made(folder / "root")


def away(folder: Path, shift: float | None) -> Seen:
    """Set the clock by `shift` seconds, to 1970 where there is none."""
    by = 10.0 - HandClock()() if shift is None else shift
    token_is_good = anyio.run(_credentials, folder, by)
    _upgrades(folder, by)
    tokens = (
        "API tokens stay good"
        if token_is_good
        else "API tokens that are over by that clock are refused meanwhile (not_signed_in)"
    )
    return Seen(
        f"sessions end (not_signed_in); {tokens}; an upgrade under way is committed, also over a power cut",
        "none lost, retention waits a day",
        "signing in again; with the right clock all tokens are good again",
    )
