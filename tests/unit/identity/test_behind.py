"""Signing in and out while nothing can be written, and what becomes of it when something can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.identity.test_service import PASSWORD, World, world

from att.identity import records
from att.identity.behind import SESSIONS_MAX, Made, SessionsBehind
from att.identity.credential import digest, new_session
from att.identity.decision import SESSION_IDLE_SECONDS
from att.identity.records import has_session
from att.kernel.errors import Unavailable
from att.kernel.operation import Caller, Role
from att.store.connection import Connection

pytestmark = pytest.mark.anyio

ANN = Caller("usr_1", "ann", Role.ADMIN)
BOT = Caller("tok_1", "bot", Role.VIEWER, kind="agent", token_id="tok_1")


@asynccontextmanager
async def full(at: World, monkeypatch: pytest.MonkeyPatch, code: str = "disk_full") -> AsyncIterator[None]:
    """Nothing can be written meanwhile."""

    @asynccontextmanager
    async def refused(**_: object) -> AsyncIterator[Connection]:
        raise Unavailable(code, "cannot write to the database")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(at.store, "write", refused)
        yield


async def entered(at: World) -> str:
    return (await at.identity.sign_in(name="ann", password=PASSWORD, peer="p")).secret


async def written(at: World, cookie: str) -> bool:
    async with at.store.read() as connection:
        return await has_session(connection, digest(cookie))


@pytest.mark.parametrize("code", ["disk_full", "disk_inodes", "disk_read_only"])
async def test_who_signs_in_on_a_full_disk_is_in_and_stays_in_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        async with full(at, monkeypatch, code):
            cookie = await entered(at)
            assert await at.whoami(cookie=cookie) == "ann"
        assert not await written(at, cookie)
        await at.store.sweep()
        assert await written(at, cookie)
        await at.store.sweep()
        assert await at.whoami(cookie=cookie) == "ann"
        await at.identity.sign_out(cookie)
        assert await at.whoami(cookie=cookie) is None


async def test_who_signs_out_on_a_full_disk_is_out_and_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as at:
        cookie = (await at.claim()).secret
        async with full(at, monkeypatch):
            second = await entered(at)
            for one in (cookie, second):
                await at.identity.sign_out(one)
                assert await at.whoami(cookie=one) is None
        assert await written(at, cookie)
        for _ in range(2):
            await at.store.sweep()
            assert (await written(at, cookie), await written(at, second)) == (False, False)
        assert await at.whoami(cookie=cookie) is None


async def test_an_upgrade_s_fence_is_still_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as at:
        cookie = (await at.claim()).secret
        async with full(at, monkeypatch, "write_fenced"):
            with pytest.raises(Unavailable):
                await entered(at)
            with pytest.raises(Unavailable):
                await at.identity.sign_out(cookie)
        assert await at.whoami(cookie=cookie) == "ann"


async def test_a_purge_ends_also_the_sessions_that_were_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        async with full(at, monkeypatch):
            cookie = await entered(at)
        assert (await at.identity.purge_sessions(ANN)).ended == 2
        assert await at.whoami(cookie=cookie) is None


async def test_a_purge_while_they_are_written_ends_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        async with full(at, monkeypatch):
            cookie = await entered(at)
        behind, really = SessionsBehind(), records.has_session
        behind.make(digest(cookie), Made(ANN, at.clock(), at.clock() + 100.0))

        async def meanwhile(connection: Connection, sha256: str) -> bool:
            behind.forget()
            return await really(connection, sha256)

        await at.store.sweep()
        monkeypatch.setattr(records, "has_session", meanwhile)
        async with at.store.write() as connection:
            await behind.write(connection, at.clock())


async def test_strangers_cannot_bring_a_session_back_that_was_ended_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as at:
        cookie = (await at.claim()).secret
        async with full(at, monkeypatch):
            await at.identity.sign_out(cookie)
            for _ in range(SESSIONS_MAX):
                await at.identity.sign_out(new_session())
            assert await at.whoami(cookie=cookie) is None


async def test_one_that_nobody_uses_ends_as_if_it_had_been_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        async with full(at, monkeypatch):
            used, unused = await entered(at), await entered(at)
            at.clock.now += SESSION_IDLE_SECONDS - 1
            assert await at.whoami(cookie=used) == "ann"
            at.clock.now += 2
            assert (await at.whoami(cookie=used), await at.whoami(cookie=unused)) == ("ann", None)
        for _ in range(2):
            await at.store.sweep()
            assert (await written(at, used), await written(at, unused)) == (True, False)
        assert await at.whoami(cookie=used) == "ann"


def test_sessions_behind_are_few_and_end_in_time_and_with_their_token() -> None:
    behind = SessionsBehind()
    for number in range(SESSIONS_MAX + 1):
        behind.make(str(number), Made(ANN, 0.0, 100.0))
        behind.end(f"ended {number}")
    assert behind.holder("0", 1.0) is None
    assert not behind.has_ended("ended 0")
    last = str(SESSIONS_MAX)
    held = behind.holder(last, 99.0)
    assert held is not None
    assert held.caller == ANN
    assert behind.holder(last, 100.0) is None
    behind.make("bot", Made(BOT, 0.0, 100.0))
    assert behind.forget("tok_1") == 1
    assert behind.holder("bot", 1.0) is None
    assert behind.forget() == SESSIONS_MAX - 1
