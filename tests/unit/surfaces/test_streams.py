import json
from pathlib import Path

import anyio
import httpx
import pytest
from tests.unit.surfaces.conftest import client_of
from tests.unit.surfaces.serving import serving
from tests.unit.surfaces.world import World

pytestmark = pytest.mark.anyio
LOG = "/api/v1/things/thing_1/log"
ADMIN = {"Authorization": "Bearer admin-token"}


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line]


async def test_a_stream_is_ndjson_by_default_and_says_that_it_is_complete(client: httpx.AsyncClient) -> None:
    response = await client.get(LOG, params={"cursor": "3"})
    assert response.headers["content-type"] == "application/x-ndjson"
    assert lines_of(response.text) == [
        {"cursor": "4", "text": "line 4"},
        {"cursor": "5", "text": "line 5"},
        {"end": True},
    ]


async def test_a_stream_is_server_sent_events_when_asked_for(client: httpx.AsyncClient) -> None:
    response = await client.get(LOG, headers={"Accept": "text/event-stream", "Last-Event-ID": "4"})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert 'id: 5\ndata: {"cursor":"5","text":"line 5"}\n\nevent: end\n' in response.text


@pytest.mark.parametrize(("path", "status"), [("/api/v1/things/none/log", 404), (LOG + "?limit=0", 422)])
async def test_what_fails_before_the_first_item_is_a_problem(client: httpx.AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["status"]) == (status, status)


async def test_a_late_failure_keeps_its_status_unless_the_stream_follows(
    client: httpx.AsyncClient, world: World
) -> None:
    world.streams.first_item_seconds = 0
    response = await client.get("/api/v1/things/late/log")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    followed = await client.get("/api/v1/things/late/log", params={"follow": "true"})
    assert followed.status_code == 200
    assert json.loads(followed.text)["problem"]["code"] == "not_found"


async def test_a_followed_stream_beats_and_ends_with_a_reconnect_hint_when_the_process_stops(world: World) -> None:
    seen: list[bytes] = []
    events = {**ADMIN, "Accept": "text/event-stream"}
    async with (
        serving(world) as url,
        httpx.AsyncClient(base_url=url, headers=events) as client,
        client.stream("GET", LOG, params={"follow": "true"}) as answer,
    ):
        async for chunk in answer.aiter_raw():
            seen.append(chunk)
            if b"still here" in chunk:
                world.draining.begin()
    text = b"".join(seen).decode()
    assert text.count("data: {") == 6
    assert text.endswith('retry: 500\nevent: reconnect\ndata: {"cursor": "5"}\n\n')
    assert world.streams.open == 0


async def test_a_client_that_leaves_frees_its_stream(world: World) -> None:
    async with serving(world) as url, httpx.AsyncClient(base_url=url, headers=ADMIN) as client:
        async with client.stream("GET", LOG, params={"follow": "true"}) as answer:
            await anext(answer.aiter_lines())
            assert world.streams.open == 1
        with anyio.fail_after(30):
            while world.streams.open:  # noqa: ASYNC110 - the server's side, nothing to await
                await anyio.sleep(0.01)


async def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.streams.open_max = 0
    async with client_of(world) as client:
        response = await client.get(LOG)
    assert (response.status_code, response.json()["code"]) == (429, "too_many_streams")


async def test_events_come_as_server_sent_events_from_a_cursor_on(world: World) -> None:
    async with serving(world) as url, httpx.AsyncClient(base_url=url, headers=ADMIN) as client:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
        async with client.stream("GET", "/api/v1/events", headers=headers) as answer:
            lines = answer.aiter_lines()
            first = [await anext(lines) for _ in range(4)]
    assert (first[0], first[3]) == ("id: 2", "id: 3")
