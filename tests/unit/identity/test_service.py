import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.fakes.database import HandClock, RememberingBus, fence, make_database, opened

from att.identity import records
from att.identity.credential import digest, new_session, new_token
from att.identity.offline import make_reset_token, store_first_token
from att.identity.operations import OPERATIONS
from att.identity.password import Passwords
from att.identity.records import Holder
from att.identity.schema import SignedIn, TokenCreate, TokenList, TokenRevoke
from att.identity.service import Identity
from att.kernel.errors import AttError, NotSignedIn
from att.kernel.operation import Caller, Context, Role
from att.kernel.signed_token import sign
from att.store.connection import Connection
from att.store.service import Store

pytestmark = pytest.mark.anyio

CODE = "ABCD-EFGH-JKMN"
PASSWORD = "correct horse battery"
DAY = 86_400.0
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class World:
    """One identity room on a fresh database."""

    def __init__(self, store: Store, folder: Path, clock: HandClock) -> None:
        self.store, self.clock, self.bus, self.keys = store, clock, RememberingBus(), folder / "keys"
        self.link = folder / "db"
        self.keys.mkdir(exist_ok=True)
        (self.keys / "claim.sha256").write_text(hashlib.sha256(b"ABCDEFGHJKMN").hexdigest() + "\n")
        self.identity = Identity(store, self.bus, self.keys, clock=clock, passwords=Passwords(QUICK))

    async def claim(self, code: str = CODE, name: str = "ann", password: str = PASSWORD, peer: str = "p") -> SignedIn:
        return await self.identity.claim(code, name, password, peer=peer)

    async def whoami(self, *, bearer: str | None = None, cookie: str | None = None) -> str | None:
        try:
            return (await self.identity.authenticate(bearer=bearer, cookie=cookie)).name
        except NotSignedIn:
            return None


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    clock = HandClock()
    async with opened(make_database(folder), clock=clock) as store:
        yield World(store, folder, clock)


@asynccontextmanager
async def refused(code: str) -> AsyncIterator[None]:
    with pytest.raises(AttError) as told:
        yield
    assert told.value.code == code


async def test_the_claim_makes_an_admin_signs_in_and_closes_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        assert not await at.identity.claimed()
        made = await at.claim(code="abcd efgh jkmn")
        assert await at.identity.claimed()
        assert (made.caller.name, made.caller.role, made.expires) == ("ann", Role.ADMIN, at.clock() + 7 * DAY)
        assert await at.identity.authenticate(cookie=made.secret) == made.caller
        async with refused("already_claimed"):
            await at.claim(name="eve")
        assert at.bus.types() == ["auth.claimed"]
    stored = b"".join(path.read_bytes() for path in at.link.iterdir())
    assert PASSWORD.encode() not in stored
    assert made.secret.encode() not in stored
    assert b"$argon2id$" in stored


async def test_a_wrong_code_is_refused_and_the_eleventh_try_waits(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        for number in range(10):
            async with refused("claim_code_wrong"):
                await at.claim(code="WRONG", peer=f"peer {number}")
        async with refused("rate_limited"):
            await at.claim()
        at.clock.advance(61)
        assert (await at.claim()).caller.name == "ann"
        assert at.bus.types().count("auth.refused") == 10


async def test_without_a_code_file_no_code_is_right(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        (at.keys / "claim.sha256").unlink()
        for code in ("", CODE, digest("")):
            async with refused("claim_code_wrong"):
                await at.claim(code=code)
        (at.keys / "claim.sha256").write_bytes(b"\xff\xfe")
        async with refused("claim_code_wrong"):
            await at.claim()


@pytest.mark.parametrize(
    ("name", "password", "code"), [("ann", "short", "password_weak"), ("a b", PASSWORD, "invalid_input")]
)
async def test_a_weak_account_is_refused(tmp_path: Path, name: str, password: str, code: str) -> None:
    async with world(tmp_path) as at:
        async with refused(code):
            await at.claim(name=name, password=password)
        assert not await at.identity.claimed()


async def test_two_claims_at_once_make_one_admin(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        outcomes: list[str] = []

        async def claim(name: str) -> None:
            try:
                outcomes.append((await at.claim(name=name)).caller.name)
            except AttError as error:
                outcomes.append(error.code)

        async with anyio.create_task_group() as tasks:
            for name in ("ann", "bea"):
                tasks.start_soon(claim, name)
        assert sorted(outcomes)[0] == "already_claimed"
        assert sorted(outcomes)[1] in ("ann", "bea")


async def test_the_first_token_may_stand_for_the_code_and_goes_on_as_a_token(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        token, other = new_token(), new_token()
        assert store_first_token(at.link, digest(token), now=at.clock())
        admin = await at.identity.authenticate(bearer=token)
        assert (admin.name, admin.role) == ("first", Role.ADMIN)
        async with refused("claim_code_wrong"):
            await at.claim(code=other)
        made = await at.identity.create_token(admin, TokenCreate(name="first", role="admin"))
        async with refused("claim_code_wrong"):
            await at.claim(code=made.token)
        assert (await at.claim(code=token + "\n")).caller.name == "ann"
        assert await at.whoami(bearer=token) == "first"


async def test_name_and_password_or_a_token_give_a_session(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        again = await at.identity.sign_in(name="ANN", password=PASSWORD, peer="p")
        assert again.caller == ann
        made = await at.identity.create_token(ann, TokenCreate(name="ci", role="viewer", kind="agent", expires_days=1))
        session = await at.identity.sign_in(token=made.token, peer="p")
        assert session.expires == at.clock() + DAY
        caller = await at.identity.authenticate(cookie=session.secret)
        assert (caller.name, caller.role, caller.kind, caller.token_id) == ("ci", Role.VIEWER, "agent", made.id)
        assert at.bus.types()[-1] == "auth.signed_in"


async def test_whatever_is_wrong_the_answer_is_the_same(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        await at.identity.ensure_admin("dev", new_token())
        answers: set[tuple[str, str]] = set()
        tries = [{"name": "ann", "password": "wrong"}, {"name": "eve", "password": PASSWORD}, {"token": new_token()}]
        for wrong in [*tries, {"token": "x"}, {"token": new_session()}, {"name": "dev", "password": "!"}]:
            with pytest.raises(AttError) as told:
                await at.identity.sign_in(**wrong, peer="p")
            answers.add((told.value.code, told.value.detail))
        assert len(answers) == 1
        async with refused("invalid_input"):
            await at.identity.sign_in(name="ann", peer="p")


async def test_a_name_that_is_not_there_is_hashed_all_the_same(tmp_path: Path) -> None:
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(str(hash))
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
    good = await passwords.hashed("secret")
    assert await passwords.verify(good, "secret")
    assert not await passwords.verify(good, "other")
    assert not await passwords.verify(None, "secret")
    assert not await passwords.verify("!", "a password that nobody has")
    assert not await passwords.verify("garbage", "secret")
    assert len(verified) == 5


async def test_sign_in_is_limited_for_a_peer_and_good_ones_do_not_count(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        for _ in range(15):
            await at.identity.sign_in(name="ann", password=PASSWORD, peer="good")
        at.clock.advance(61)
        for _ in range(10):
            async with refused("sign_in_wrong"):
                await at.identity.sign_in(name="ann", password="wrong", peer="bad")
        async with refused("rate_limited"):
            await at.identity.sign_in(name="ann", password=PASSWORD, peer="bad")
        await at.identity.sign_in(name="ann", password=PASSWORD, peer="good")


async def test_one_account_is_not_guessed_from_many_peers(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.claim()
        for number in range(30):
            async with refused("sign_in_wrong"):
                await at.identity.sign_in(name="ann", password="wrong", peer=f"p{number}")
        async with refused("rate_limited"):
            await at.identity.sign_in(name="Ann", password=PASSWORD, peer="another")


async def test_purging_sessions_signs_everybody_out_and_leaves_tokens_good(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        cookie = (await at.claim()).secret
        other = (await at.identity.sign_in(name="ann", password=PASSWORD, peer="p")).secret
        caller = await at.identity.authenticate(cookie=cookie)
        token = await at.identity.create_token(caller, TokenCreate(name="ci"))
        assert (await at.identity.purge_sessions(caller)).ended == 2
        assert [await at.whoami(cookie=one) for one in (cookie, other)] == [None, None]
        assert await at.whoami(bearer=token.token) == "ci"
        assert (await at.identity.purge_sessions(caller)).ended == 0


async def test_a_session_ends_by_sign_out_idleness_and_age(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        cookie = (await at.claim()).secret
        other = (await at.identity.sign_in(name="ann", password=PASSWORD, peer="p")).secret
        await at.identity.sign_out(other)
        await at.identity.sign_out("no session")
        await at.identity.sign_out(new_session())
        assert await at.whoami(cookie=other) is None
        for _ in range(14):
            at.clock.advance(DAY / 2)
            expected = "ann" if at.clock() - 1_800_000_000 < 7 * DAY else None
            assert await at.whoami(cookie=cookie) == expected
        idle = (await at.identity.sign_in(name="ann", password=PASSWORD, peer="p")).secret
        at.clock.advance(DAY / 2 + 1)
        assert await at.whoami(cookie=idle) is None
        await at.store.sweep()
        connection = sqlite3.connect(at.link / "att.db")
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
        connection.close()


@pytest.mark.parametrize("bearer", [None, "", "x", "att_short", "att1.x.y", "att_" + "A" * 43, "atts_" + "A" * 43])
async def test_what_is_no_credential_is_nobody(tmp_path: Path, bearer: str | None) -> None:
    async with world(tmp_path) as at:
        assert await at.whoami(bearer=bearer) is None
        assert await at.whoami(cookie=bearer) is None


async def test_a_token_is_looked_up_once_and_ends_when_it_is_revoked_or_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = 0
    token_holder = records.token_holder

    async def counted(connection: Connection, sha256: str) -> Holder | None:
        nonlocal looked_up
        looked_up += 1
        return await token_holder(connection, sha256)

    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        first, second = [await at.identity.create_token(ann, TokenCreate(name=name, expires_days=2)) for name in "ab"]
        monkeypatch.setattr(records, "token_holder", counted)
        assert [await at.whoami(bearer=one.token) for one in (first, second, first, second)] == ["a", "b", "a", "b"]
        assert looked_up == 2
        await at.identity.revoke_token(ann, first.id)
        assert [await at.whoami(bearer=one.token) for one in (first, second)] == [None, "b"]
        at.clock.advance(2 * DAY)
        assert await at.whoami(bearer=second.token) is None


async def test_a_token_revoked_while_it_is_looked_up_is_not_taken_for_good_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_holder = records.token_holder
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        made = await at.identity.create_token(ann, TokenCreate(name="late"))

        async def overtaken(connection: Connection, sha256: str) -> Holder | None:
            found = await token_holder(connection, sha256)
            await at.identity.revoke_token(ann, made.id)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(records, "token_holder", overtaken)
            assert await at.whoami(bearer=made.token) == "late", "it was asked before it was revoked"
        assert await at.whoami(bearer=made.token) is None


async def test_signed_tokens_name_the_operator_and_the_gate(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        for purpose in ("local", "gate"):
            key = Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (at.keys / f"{purpose}.pub").write_bytes(public)
            claims = {"purpose": purpose, "exp": at.clock() + 9, "uid": 0, "name": "root", "role": "admin"}
            caller = await at.identity.authenticate(bearer=sign(key, claims))
            assert (caller.door, caller.kind) == {"local": ("ssh", "person"), "gate": ("api", "gate")}[purpose]


async def test_a_token_is_shown_once_listed_without_secret_and_stored_hashed(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        made = await at.identity.create_token(ann, TokenCreate(name="ci", role="developer", expires_days=2))
        assert await at.whoami(bearer=made.token) == "ci"
        (listed,) = (await at.identity.list_tokens(ann)).tokens
        assert "token" not in listed.model_dump()
        assert (listed.owner, listed.role, listed.last_used is not None) == (ann.id, "developer", True)
        at.clock.advance(2 * DAY)
        assert await at.whoami(bearer=made.token) is None
        assert (await at.identity.list_tokens(ann)).tokens == []
        assert len((await at.identity.list_tokens(ann, all_states=True)).tokens) == 1
    assert made.token.encode() not in b"".join(path.read_bytes() for path in at.link.iterdir())


async def test_tokens_are_seen_and_revoked_by_their_owner_and_by_admins(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        bot = await at.identity.create_token(ann, TokenCreate(name="bot", role="viewer", kind="agent"))
        caller = await at.identity.authenticate(bearer=bot.token)
        child = await at.identity.create_token(caller, TokenCreate(name="child", kind="agent", expires_days=1))
        other = await at.identity.create_token(ann, TokenCreate(name="other"))
        assert {token.name for token in (await at.identity.list_tokens(caller)).tokens} == {"bot", "child"}
        assert len((await at.identity.list_tokens(ann)).tokens) == 3
        async with refused("token_unknown"):
            await at.identity.revoke_token(caller, other.id)
        async with refused("token_unknown"):
            await at.identity.revoke_token(ann, "tok_none")
        session = await at.identity.sign_in(token=child.token, peer="p")
        assert (await at.identity.revoke_token(caller, child.id)).revoked is not None
        assert await at.whoami(bearer=child.token) is None
        assert await at.whoami(cookie=session.secret) is None
        assert await at.whoami(bearer=bot.token) == "bot"


async def test_no_token_may_more_or_live_longer_than_its_maker(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        bot = await at.identity.create_token(ann, TokenCreate(name="b", role="viewer", kind="agent", expires_days=2))
        caller = await at.identity.authenticate(bearer=bot.token)
        async with refused("not_allowed"):
            await at.identity.create_token(caller, TokenCreate(name="x", role="operator", kind="agent", expires_days=1))
        async with refused("people_only"):
            await at.identity.create_token(caller, TokenCreate(name="x", kind="person", expires_days=1))
        async with refused("not_allowed"):
            await at.identity.create_token(caller, TokenCreate(name="x", kind="agent", expires_days=3))
        short = await at.identity.create_token(caller, TokenCreate(name="x", kind="agent"))
        assert short.expires == bot.expires, "without a wish it ends with its maker's"
        full = await at.identity.create_token(ann, TokenCreate(name="x", kind="agent"))
        assert full.expires != bot.expires, "who holds no token that ends gets the whole time"


async def test_under_the_fence_tokens_and_cookies_stay_valid(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        claimed = await at.claim()
        made = await at.identity.create_token(claimed.caller, TokenCreate(name="ci"))
        at.clock.advance(3600)
        with fence(at.link), anyio.fail_after(2):
            assert await at.whoami(bearer=made.token) == "ci"
            assert await at.whoami(cookie=claimed.secret) == "ann"


async def test_last_use_is_written_at_most_once_a_minute(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        made = await at.identity.create_token(ann, TokenCreate(name="ci"))
        used: list[float] = []
        for _ in range(4):
            await at.whoami(bearer=made.token)
            (token,) = (await at.identity.list_tokens(ann)).tokens
            assert token.last_used is not None
            used.append(token.last_used.timestamp() - 1_800_000_000)
            at.clock.advance(25)
        assert used == [0, 0, 0, 75]
        await at.store.sweep()


async def test_the_dev_user_is_claimed_already_and_twice_is_once(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        token = new_token()
        for _ in range(2):
            await at.identity.ensure_admin("dev", token)
        assert await at.identity.claimed()
        assert (await at.identity.authenticate(bearer=token)).role is Role.ADMIN


async def test_a_reset_token_lets_an_operator_back_in_for_a_day(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        made = make_reset_token(at.link, now=at.clock(), hours=24)
        assert (await at.identity.authenticate(bearer=made.token)).role is Role.ADMIN
        at.clock.advance(DAY)
        assert await at.whoami(bearer=made.token) is None


async def test_the_operations_create_list_and_revoke(tmp_path: Path) -> None:
    create, list_, revoke, _ = OPERATIONS
    async with world(tmp_path) as at:
        ann = (await at.claim()).caller
        context = Context(caller=ann, request_id="r", services={Identity: at.identity})
        made = await create.answer(context, TokenCreate(name="ci"))
        assert len((await list_.answer(context, TokenList())).tokens) == 1
        await revoke.answer(context, TokenRevoke(token_id=made.id))
        assert (await list_.answer(context, TokenList())).tokens == []
    assert isinstance(ann, Caller)
