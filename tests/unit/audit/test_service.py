import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from tests.fakes.database import HandClock, fence, make_database, opened

from att.audit.operations import OPERATIONS
from att.audit.schema import AuditListRequest, AuditPage
from att.audit.service import Audit
from att.identity.credential import new_token
from att.kernel.operation import Caller, Context, Role
from att.store.retention import Retention

pytestmark = pytest.mark.anyio

ANN = Caller(id="usr_1", name="ann", role=Role.ADMIN)
BOT = Caller(id="tok_1", name="bot", role=Role.VIEWER, kind="agent", token_id="tok_1")


class Request(BaseModel):
    name: str
    password: SecretStr


async def test_a_record_says_who_what_how_it_ended_and_no_secret(tmp_path: Path) -> None:
    link, secret = make_database(tmp_path), new_token()
    async with opened(link) as store:
        audit = Audit(store, clock=HandClock())
        request = Request(name=f"mine {secret}", password=SecretStr("hush"))
        await audit.record(ANN, "att.x.y", request, "ok", "req_1", peer="10.0.0.1")
        await audit.record(None, "att.auth.claim", {"name": "eve", "password": "hush"}, "claim_code_wrong", "req_2")
        page = await audit.list(AuditListRequest())
    stranger, ann = page.records
    assert ann.model_dump(mode="json", exclude={"id"}) == {
        "time": "2027-01-15T08:00:00Z",
        "caller": "usr_1",
        "caller_name": "ann",
        "caller_kind": "person",
        "door": "api",
        "peer": "10.0.0.1",
        "operation": "att.x.y",
        "target": {"name": "mine [redacted]", "password": "[redacted]"},
        "outcome": "ok",
        "request_id": "req_1",
    }
    assert (stranger.caller, stranger.outcome, stranger.target["name"]) == ("", "claim_code_wrong", "eve")
    stored = b"".join(path.read_bytes() for path in link.iterdir())
    assert b"hush" not in stored
    assert secret.encode() not in stored


async def test_records_made_under_the_fence_are_listed_after_it(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    with fence(link):
        async with opened(link) as store:
            await Audit(store).record(ANN, "att.x.y", {}, "write_fenced", "req_1")
    async with opened(link) as store:
        await Audit(store).record(ANN, "att.x.y", {}, "ok", "req_2")
        found = await Audit(store).list(AuditListRequest())
    assert [record.outcome for record in found.records] == ["ok", "write_fenced"]


async def test_pages_go_back_to_the_first_record_without_gap_or_repetition(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        audit = Audit(store, clock=HandClock())
        for number in range(7):
            await audit.record(ANN, "att.x.y", {"n": number}, "ok", "req")
        seen: list[int] = []
        cursor: str | None = None
        pages = 0
        while cursor or not pages:
            page = await audit.list(AuditListRequest(cursor=cursor, limit=3))
            seen += [record.target["n"] for record in page.records]
            cursor, pages = page.next_cursor, pages + 1
    assert (seen, pages) == ([6, 5, 4, 3, 2, 1, 0], 3)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (AuditListRequest(caller="usr_1"), [0, 2]),
        (AuditListRequest(caller="bot"), [1]),
        (AuditListRequest(operation="att.token.create"), [0]),
        (AuditListRequest(operation="att.token."), [0, 1]),
        (AuditListRequest(operation="att.t_ken."), []),
        (AuditListRequest(outcome="not_allowed"), [1]),
        (AuditListRequest(request_id="req_2"), [2]),
        (AuditListRequest(since=datetime.fromtimestamp(1_800_000_001, UTC)), [1, 2]),
        (AuditListRequest(until=datetime.fromtimestamp(1_800_000_001, UTC)), [0]),
    ],
)
async def test_filters_choose(tmp_path: Path, request_: AuditListRequest, expected: list[int]) -> None:
    clock = HandClock()
    async with opened(make_database(tmp_path)) as store:
        audit = Audit(store, clock=clock)
        rows = [(ANN, "att.token.create", "ok"), (BOT, "att.token.list", "not_allowed"), (ANN, "att.job.list", "ok")]
        for number, (caller, operation, outcome) in enumerate(rows):
            await audit.record(caller, operation, {"n": number}, outcome, f"req_{number}")
            clock.advance(1)
        found = await audit.list(request_)
    assert sorted(record.target["n"] for record in found.records) == expected


async def test_old_records_are_swept_and_numbers_go_on_above(tmp_path: Path) -> None:
    link, clock = make_database(tmp_path), HandClock()
    async with opened(link) as store:
        audit = Audit(store, clock=clock, keep=Retention(days=1, rows_max=2))
        for number in range(4):
            await audit.record(ANN, "att.x.y", {"n": number}, "ok", "req")
        await store.sweep()
        assert [record.target["n"] for record in (await audit.list(AuditListRequest())).records] == [3, 2]
    clock.advance(-3600)
    async with opened(link) as store:
        audit = Audit(store, clock=clock)
        await store.sweep()
        await audit.record(ANN, "att.x.y", {"n": 9}, "ok", "req")
        assert (await audit.list(AuditListRequest())).records[0].target == {"n": 9}


async def test_the_operation_lists(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        audit = Audit(store)
        await audit.record(BOT, "att.x.y", None, "ok", "req")
        context = Context(caller=ANN, request_id="r", services={Audit: audit})
        page = await OPERATIONS[0].answer(context, AuditListRequest())
    assert isinstance(page, AuditPage)
    assert page.records[0].caller_kind == "agent"


async def test_a_row_is_durable_when_record_returns(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        await Audit(store).record(ANN, "att.x.y", {}, "ok", "req")
        connection = sqlite3.connect(link / "att.db")
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)
        connection.close()
