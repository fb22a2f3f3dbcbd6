import json
from typing import Any

import anyio
import pytest
from tests.unit.surfaces.serving import serving
from tests.unit.surfaces.world import World, event
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

pytestmark = pytest.mark.anyio
BEARER = Subprotocol("att.bearer.viewer-token")


def events_url(address: str, query: str = "") -> str:
    return address.replace("http", "ws") + "/api/v1/events" + query


async def close_code(url: str, **options: Any) -> int | None:
    async with connect(url, **options) as socket:
        with anyio.fail_after(30):
            await socket.wait_closed()
    return socket.close_code


async def test_events_after_the_cursor_come_in_one_frame(world: World) -> None:
    world.events.kept = [event(number) for number in range(1, 51)]
    subprotocols = [Subprotocol("att.events.v1"), BEARER]
    async with (
        serving(world) as address,
        connect(events_url(address, "?cursor=10"), subprotocols=subprotocols) as socket,
    ):
        frames = [json.loads(await socket.recv())]
        while frames[-1]["cursor"] != "50":
            frames.append(json.loads(await socket.recv()))
        assert socket.subprotocol == "att.events.v1"
    assert [one["cursor"] for frame in frames for one in frame["events"]] == [str(n) for n in range(11, 51)]
    assert len(frames) < 10


async def test_without_a_credential_the_socket_closes_with_4401(world: World) -> None:
    async with serving(world) as address:
        assert await close_code(events_url(address)) == 4401
        assert await close_code(events_url(address), subprotocols=[Subprotocol("att.bearer.wrong")]) == 4401


async def test_a_cookie_opens_the_socket_for_the_own_page_alone(world: World) -> None:
    cookie = {"Cookie": "att_session=cookie-of-viewer-token"}
    async with serving(world) as address:
        foreign = {**cookie, "Origin": "https://evil.example"}
        assert await close_code(events_url(address), additional_headers=foreign) == 1008
        own = {**cookie, "Origin": address}
        async with connect(events_url(address, "?cursor=0"), additional_headers=own) as socket:
            assert json.loads(await socket.recv())["events"]


async def test_a_cursor_that_is_none_closes_with_a_policy_code(world: World) -> None:
    async with serving(world) as address:
        assert await close_code(events_url(address, "?cursor=x"), subprotocols=[BEARER]) == 1008


async def test_when_the_process_stops_the_client_is_told_to_reconnect(world: World) -> None:
    async with serving(world) as address, connect(events_url(address), subprotocols=[BEARER]) as socket:
        world.draining.begin()
        with pytest.raises(ConnectionClosed) as closed, anyio.fail_after(30):
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
