import errno
from pathlib import Path

import httpx
import pytest
from tests.unit.surfaces.conftest import client_of
from tests.unit.surfaces.world import World

from att.config.settings import Api
from att.kernel.errors import NotFound, Unavailable
from att.surfaces.problem import MEDIA_TYPE

pytestmark = pytest.mark.anyio


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == MEDIA_TYPE
    found: dict[str, object] = response.json()
    assert found["status"] == response.status_code
    assert found["request_id"] == response.headers["x-request-id"]
    return found


async def test_a_call_answers_with_its_result(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/things/thing_1")
    assert (response.status_code, response.json()["name"]) == (200, "one")


async def test_the_query_carries_lists_and_numbers(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/things", params={"tags": ["a", "b"], "limit": "7"})
    assert response.json()["asked"] == {"word": None, "tags": ["a", "b"], "limit": 7}


async def test_a_created_thing_answers_with_the_status_of_its_route(client: httpx.AsyncClient, world: World) -> None:
    response = await client.post("/api/v1/things", json={"name": "new"})
    assert response.status_code == 201
    assert world.audit.records == [("ada", "att.thing.create", "ok")]


async def test_reading_is_not_audited(client: httpx.AsyncClient, world: World) -> None:
    await client.get("/api/v1/things")
    assert world.audit.records == []


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code", "field"),
    [
        ("GET", "/api/v1/things/nope", None, 404, "not_found", "thing_id"),
        ("GET", "/api/v1/nowhere", None, 404, "not_found", None),
        ("POST", "/nowhere", None, 404, "not_found", None),
        ("GET", "/api/v1/things?limit=none", None, 422, "invalid_input", "limit"),
        ("GET", "/api/v1/things?limit=1&limit=2", None, 422, "invalid_input", "limit"),
        ("GET", "/api/v1/things?limt=1", None, 422, "invalid_input", "limt"),
        ("POST", "/api/v1/things", b'{"name":', 400, "malformed", None),
        ("POST", "/api/v1/things", b"\xff", 400, "malformed", None),
        ("POST", "/api/v1/things", b"[" * 100_000, 400, "malformed", None),
        ("POST", "/api/v1/things", b"[]", 422, "invalid_input", None),
        ("POST", "/api/v1/things", b"", 422, "invalid_input", "name"),
        ("POST", "/api/v1/things", b'{"name":"x","color":"red"}', 422, "invalid_input", "color"),
        ("POST", "/api/v1/things?name=x", b"", 422, "invalid_input", "name"),
        ("POST", "/api/v1/things/thing_1/build", b'{"thing_id":"other"}', 422, "invalid_input", "thing_id"),
        ("POST", "/api/v1/things", b'{"name":"' + b"x" * 9_000_000 + b'"}', 413, "body_too_large", None),
        ("POST", "/api/v1/health/canary", b"{", 400, "malformed", None),
        ("POST", "/api/v1/health/canary", b"{}", 422, "invalid_input", "value"),
        ("POST", "/api/v1/auth/claim", b"x" * 100_000, 413, "body_too_large", None),
        ("GET", "/api/v1/breakdown", None, 500, "internal", None),
        ("GET", "/api/v1/breakdown?word=full", None, 503, "disk_full", None),
    ],
)
async def test_every_failure_is_a_problem_document(
    client: httpx.AsyncClient, method: str, path: str, sent: bytes | None, status: int, code: str, field: str | None
) -> None:
    response = await client.request(method, path, content=sent, headers={"Content-Type": "application/json"})
    found = problem_of(response)
    assert (response.status_code, found["code"], found.get("field")) == (status, code, field)


async def test_nothing_of_the_inside_is_told_of_an_unforeseen_fault(client: httpx.AsyncClient) -> None:
    assert "secret" not in (await client.get("/api/v1/breakdown")).text


async def test_a_form_is_refused_as_another_media_type(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/things", data={"name": "x"})
    assert (response.status_code, problem_of(response)["code"]) == (415, "media_type")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/api/v1/things", "GET, POST"), ("/api/v1/things/thing_1", "DELETE, GET"), ("/api/v1/auth/claim", "POST")],
)
async def test_a_wrong_method_is_answered_with_all_that_the_path_takes(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    response = await client.patch(path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert problem_of(response)["code"] == "method_not_allowed"


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic abc", "Bearer ", "Bearer"])
async def test_without_a_valid_credential_the_answer_is_401(world: World, header: str | None) -> None:
    async with client_of(world, None) as client:
        response = await client.get("/api/v1/things", headers={} if header is None else {"Authorization": header})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert problem_of(response)["code"] == "not_signed_in"


async def test_a_role_too_low_is_refused_and_audited(world: World) -> None:
    async with client_of(world, "viewer-token") as client:
        response = await client.post("/api/v1/things", json={"name": "x"})
    assert (response.status_code, problem_of(response)["code"]) == (403, "not_allowed")
    assert world.audit.records == [("vera", "att.thing.create", "not_allowed")]


async def test_what_is_for_people_is_refused_to_an_agent(world: World) -> None:
    async with client_of(world, "agent-token") as client:
        response = await client.post("/api/v1/things/thing_1/sign")
    assert problem_of(response)["code"] == "people_only"


async def test_the_gate_token_opens_nothing_but_the_canary(world: World) -> None:
    async with client_of(world, "gate-token") as client:
        assert (await client.get("/api/v1/things")).status_code == 401
        assert (await client.get("/metrics")).status_code == 401
        written = await client.post("/api/v1/health/canary", json={"value": "v"})
        read = await client.get(f"/api/v1/health/canary/{written.json()['id']}")
    assert read.json() == {"id": "can_0", "value": "v"}


async def test_without_a_machine_its_operations_say_so(tmp_path: Path) -> None:
    async with client_of(World(tmp_path, appliance=False)) as client:
        response = await client.post("/api/v1/reboot")
    assert (response.status_code, problem_of(response)["code"]) == (409, "appliance_only")


@pytest.mark.parametrize("where", ["header", "query"])
async def test_destroying_asks_first_and_is_done_by_the_second_call(
    client: httpx.AsyncClient, world: World, where: str
) -> None:
    first = await client.delete("/api/v1/things/thing_1")
    assert (first.status_code, first.json()["code"], world.done) == (409, "confirmation_required", [])
    confirmation = first.json()["data"]["confirmation_id"]
    path = "/api/v1/things/thing_1" + ("" if where == "header" else f"?confirmation_id={confirmation}")
    headers = {"X-Confirmation-Id": confirmation} if where == "header" else {}
    second = await client.delete(path, headers=headers)
    assert (second.status_code, world.done) == (200, ["deleted thing_1"])
    third = await client.delete(path, headers=headers)
    assert third.json()["code"] == "confirmation_wrong"
    assert world.audit.records == [("ada", "att.thing.delete", "ok"), ("ada", "att.thing.delete", "confirmation_wrong")]


async def test_a_confirmation_is_good_for_its_arguments_and_caller_alone(world: World) -> None:
    async with client_of(world) as ada, client_of(world, "developer-token") as dora:
        confirmation = (await ada.delete("/api/v1/things/thing_1")).json()["data"]["confirmation_id"]
        headers = {"X-Confirmation-Id": confirmation}
        assert (await ada.delete("/api/v1/things/thing_2", headers=headers)).json()["code"] == "confirmation_wrong"
        assert (await dora.delete("/api/v1/things/thing_1", headers=headers)).json()["code"] == "confirmation_wrong"
    assert world.done == []


async def test_a_job_answers_at_once_with_where_it_is(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/things/thing_1/build", json={"fast": True}, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.headers["location"]) == (202, "/api/v1/jobs/job_0")
    assert response.json() == {"job_id": "job_0", "operation": "att.thing.build", "state": "queued"}
    again = await client.post("/api/v1/things/thing_1/build", json={"fast": True}, headers={"Idempotency-Key": "k"})
    assert again.json() == response.json()


async def test_jobs_that_run_one_after_the_other_are_handed_over_as_such(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with client_of(world) as client:
        await client.post("/api/v1/things/thing_1/build", json={"fast": True})
    assert world.jobs.exclusive == ["builds"]


async def test_a_write_that_waits_for_a_fence_is_told_to_come_again(tmp_path: Path) -> None:
    async def fenced(*, needs_room: bool = True) -> None:
        raise Unavailable("write_fenced", "cannot write now", retry_after_seconds=1)

    world = World(tmp_path, gate=fenced)
    async with client_of(world) as client:
        read = await client.get("/api/v1/things/thing_1")
        write = await client.post("/api/v1/things", json={"name": "x"})
    assert read.status_code == 200
    assert (write.status_code, write.headers["retry-after"], problem_of(write)["code"]) == (503, "1", "write_fenced")
    assert world.done == []


async def test_without_room_writes_are_refused_but_for_what_leads_out(tmp_path: Path) -> None:
    async def full(*, needs_room: bool = True) -> None:
        if needs_room:
            raise Unavailable("disk_full", "cannot write now")

    world = World(tmp_path, gate=full)
    async with client_of(world) as client:
        write = await client.post("/api/v1/things", json={"name": "x"})
        upload = await client.post("/api/v1/uploads", content=b"x")
        read = await client.get("/api/v1/things/thing_1")
        asked = await client.delete("/api/v1/things/thing_1")
        confirmed = {"confirmation_id": asked.json()["data"]["confirmation_id"]}
        gone = await client.delete("/api/v1/things/thing_1", params=confirmed)
    assert [(one.status_code, problem_of(one)["code"]) for one in (write, upload)] == [(503, "disk_full")] * 2
    assert [read.status_code, gone.status_code] == [200, 200]
    assert world.done == ["deleted thing_1"]
    assert [record[2] for record in world.audit.records] == ["disk_full", "ok"]


async def test_an_error_of_the_disk_that_nobody_foresaw_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world = World(tmp_path)
    monkeypatch.setattr(world.uploads, "create", full)
    async with client_of(world) as client:
        upload = await client.post("/api/v1/uploads", content=b"x")
    assert (upload.status_code, problem_of(upload)["code"]) == (503, "disk_full")


async def test_a_good_request_id_comes_back_and_a_bad_one_is_replaced(client: httpx.AsyncClient) -> None:
    good = await client.get("/api/v1/things", headers={"X-Request-ID": "abc.DEF-12_3"})
    bad = await client.get("/api/v1/things", headers={"X-Request-ID": "x\ty"})
    assert good.headers["x-request-id"] == "abc.DEF-12_3"
    assert bad.headers["x-request-id"].startswith("req_")


async def test_a_cookie_may_read_and_write_from_the_own_page_alone(world: World) -> None:
    async with client_of(world, None) as client:
        client.cookies.set("att_session", "cookie-of-admin-token")
        read = await client.get("/api/v1/things")
        foreign = await client.post("/api/v1/things", json={"name": "x"}, headers={"Origin": "https://evil.example"})
        nobody = await client.post("/api/v1/things", json={"name": "x"})
        own = await client.post("/api/v1/things", json={"name": "x"}, headers={"Origin": "http://att.example"})
    assert [read.status_code, foreign.status_code, nobody.status_code, own.status_code] == [200, 403, 403, 201]
    assert foreign.json()["code"] == "origin_wrong"


async def test_signing_in_sets_a_strict_cookie_and_out_takes_it_away(world: World) -> None:
    async with client_of(world, None) as client:
        wrong = await client.post("/api/v1/auth/sign-in", json={"token": "wrong"})
        both = await client.post("/api/v1/auth/sign-in", json={"token": "admin-token", "name": "ada", "password": "x"})
        right = await client.post("/api/v1/auth/sign-in", json={"token": "admin-token"})
        me = await client.get("/api/v1/auth/me")
        out = await client.post("/api/v1/auth/sign-out", headers={"Origin": "http://att.example"})
        after = await client.get("/api/v1/auth/me")
    cookie = right.headers["set-cookie"].lower()
    assert [wrong.status_code, both.status_code, right.status_code] == [401, 422, 200]
    # A time to live, and no date: the clocks of browser and appliance may be years apart.
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/", "max-age=3600"))
    assert "expires" not in cookie
    assert (me.json()["name"], me.json()["role"]) == ("ada", "admin")
    assert (out.status_code, after.status_code) == (200, 401)
    assert [record[1:] for record in world.audit.records] == [
        ("att.auth.sign_in", "sign_in_wrong"), ("att.auth.sign_in", "ok"), ("att.auth.sign_out", "ok")
    ]  # fmt: skip


async def test_the_claim_is_open_to_anybody_and_recorded(world: World) -> None:
    async with client_of(world, None) as client:
        before = await client.get("/api/v1/auth/state")
        claimed = await client.post(
            "/api/v1/auth/claim", json={"code": "ABCD-EFGH", "name": "ada", "password": "p" * 12}
        )
        after = await client.get("/api/v1/auth/state")
    assert (before.json(), claimed.status_code, after.json()) == ({"claimed": False}, 200, {"claimed": True})
    assert "p" * 12 not in str(world.audit.records)


async def test_readiness_says_the_release_and_fails_with_a_check(client: httpx.AsyncClient, world: World) -> None:
    well = await client.get("/readyz")
    world.problems.append(NotFound("schema_too_new", "cannot read the database: schema 9"))
    sick, health, live = await client.get("/readyz"), await client.get("/api/v1/health"), await client.get("/healthz")
    assert (well.status_code, well.json()["release"]) == (200, "1.2.3")
    assert (sick.status_code, sick.json()["checks"]["database"]["status"]) == (503, "failed")
    assert "schema_too_new" in sick.json()["checks"]["database"]["detail"]
    assert (health.status_code, live.status_code) == (200, 200)


async def test_while_the_process_stops_it_is_not_ready_and_closes_connections(
    client: httpx.AsyncClient, world: World
) -> None:
    world.draining.begin()
    response = await client.get("/readyz")
    assert (response.status_code, response.headers["connection"]) == (503, "close")


async def test_metrics_count_requests_and_operations_by_template(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/things/thing_1")
    await client.get("/api/v1/things/other")
    text = (await client.get("/metrics")).text
    assert 'att_http_requests_total{method="GET",route="/api/v1/things/{thing_id}",status="404"} 1.0' in text
    assert 'att_operations_total{operation="att.thing.show",outcome="ok",surface="rest"} 1.0' in text


async def test_a_host_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, settings=Api(allowed_hosts=["*.example", "10.0.0.1"]))
    async with client_of(world) as client:
        good = await client.get("/api/v1/things")
        bad = await client.get("/api/v1/things", headers={"Host": "evil.test"})
        none = await client.get("/api/v1/things", headers={"Host": "[::1"})
        health = await client.get("/healthz", headers={"Host": "evil.test"})
    assert [good.status_code, bad.status_code, none.status_code, health.status_code] == [200, 403, 403, 200]


async def test_too_many_requests_of_one_caller_do_not_stop_another(tmp_path: Path) -> None:
    world = World(tmp_path, settings=Api(requests_per_minute=60))
    async with client_of(world) as ada, client_of(world, "developer-token") as dora:
        answers = [(await ada.get("/api/v1/things")).status_code for _ in range(62)]
        other = await dora.get("/api/v1/things")
    assert (answers[0], answers[-1], other.status_code) == (200, 429, 200)


async def test_foreign_pages_get_no_answer_unless_the_setting_names_them(tmp_path: Path) -> None:
    world = World(tmp_path, settings=Api(cors_origins=["https://tools.example.org"]))
    async with client_of(world) as client:
        named = await client.get("/api/v1/things", headers={"Origin": "https://tools.example.org"})
        other = await client.get("/api/v1/things", headers={"Origin": "https://evil.example"})
    assert named.headers["access-control-allow-origin"] == "https://tools.example.org"
    assert "access-control-allow-origin" not in other.headers


async def test_who_comes_through_the_socket_itself_is_not_held_to_host_names(tmp_path: Path) -> None:
    world = World(tmp_path, settings=Api(allowed_hosts=["att.test"]))
    transport = httpx.ASGITransport(app=world.app, client=("", 0))
    headers = {"Authorization": "Bearer admin-token", "Host": "localhost"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        local = await client.get("/api/v1/things")
        through_front = await client.get("/api/v1/things", headers={"X-Forwarded-For": "10.0.0.1"})
    assert [local.status_code, through_front.status_code] == [200, 403]


async def test_a_person_behind_the_front_gets_a_secure_cookie(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(app=World(tmp_path).app, client=("", 0))
    async with httpx.AsyncClient(transport=transport, base_url="http://att.test") as client:
        response = await client.post("/api/v1/auth/sign-in", json={"token": "admin-token"})
    assert "secure" in response.headers["set-cookie"].lower()
