import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
from tests.unit.surfaces.conftest import client_of
from tests.unit.surfaces.world import CALLERS, World

from att.kernel.errors import Conflict, NotFound
from att.surfaces.uploads import SECONDS_KEPT, Uploads

pytestmark = pytest.mark.anyio
ADA, DORA = CALLERS["admin-token"], CALLERS["developer-token"]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_whole_file_in_one_request_can_be_used(client: httpx.AsyncClient, world: World) -> None:
    response = await client.post("/api/v1/uploads", content=b"hello")
    found = response.json()
    assert (response.status_code, response.headers["location"]) == (201, f"/api/v1/uploads/{found['upload']}")
    assert (found["bytes"], found["complete"]) == (5, True)
    assert found["sha256"] == hashlib.sha256(b"hello").hexdigest()
    loaded = await client.post("/api/v1/things/load", json={"upload": found["upload"]})
    assert loaded.json()["name"] == "hello"
    assert world.uploads.path(found["upload"], ADA).stat().st_mode & 0o077 == 0


async def test_an_upload_goes_on_where_it_broke_off(client: httpx.AsyncClient) -> None:
    begun = (await client.post("/api/v1/uploads", content=b"he", headers={"Upload-Complete": "?0"})).json()
    path = f"/api/v1/uploads/{begun['upload']}"
    early = await client.post("/api/v1/things/load", json={"upload": begun["upload"]})
    wrong = await client.patch(path, content=b"llo", headers={"Upload-Offset": "3"})
    shown = await client.get(path)
    ended = await client.patch(path, content=b"llo", headers={"Upload-Offset": "2"})
    assert early.json()["code"] == "upload_incomplete"
    assert (wrong.json()["code"], wrong.json()["data"]) == ("upload_offset", {"bytes": 2})
    assert (shown.json()["bytes"], shown.headers["upload-offset"]) == (2, "2")
    assert ended.json()["sha256"] == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize("offset", [None, "", "-1", "x", "²", "9" * 30])
async def test_an_offset_that_is_none_is_refused(client: httpx.AsyncClient, offset: str | None) -> None:
    headers = {} if offset is None else {b"Upload-Offset": offset.encode()}
    response = await client.patch("/api/v1/uploads/upload_0000000000000000", content=b"x", headers=headers)
    assert response.status_code == 422


async def test_another_callers_upload_is_not_found(world: World) -> None:
    async with client_of(world) as ada, client_of(world, "developer-token") as dora:
        made = (await ada.post("/api/v1/uploads", content=b"x")).json()["upload"]
        assert (await dora.get(f"/api/v1/uploads/{made}")).status_code == 404
        used = await dora.post("/api/v1/things/load", json={"upload": made})
    assert used.json()["code"] == "upload_unknown"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "upload_", "upload_0000000000000000", ""])
async def test_a_path_is_no_upload(client: httpx.AsyncClient, name: str) -> None:
    response = await client.post("/api/v1/things/load", json={"upload": name})
    assert (response.status_code, response.json()["code"]) == (404, "upload_unknown")


async def test_a_viewer_may_not_upload(world: World) -> None:
    async with client_of(world, "viewer-token") as client:
        assert (await client.post("/api/v1/uploads", content=b"x")).status_code == 403


async def test_a_file_above_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/uploads", content=b"x" * 1001)
    assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")


async def test_a_whole_file_is_read_back_by_its_owner_alone(world: World, client: httpx.AsyncClient) -> None:
    made = (await client.post("/api/v1/uploads", content=b"hello")).json()["upload"]
    begun = (await client.post("/api/v1/uploads", content=b"he", headers={"Upload-Complete": "?0"})).json()["upload"]
    answer = await client.get(f"/api/v1/uploads/{made}/content")
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (await client.get(f"/api/v1/uploads/{begun}/content")).json()["code"] == "upload_incomplete"
    async with client_of(world, "developer-token") as other:
        assert (await other.get(f"/api/v1/uploads/{made}/content")).status_code == 404


async def test_all_uploads_together_stay_within_the_quota(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/api/v1/uploads", content=b"x" * 1000) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 503]
    assert answers[-1].json()["code"] == "upload_quota"


async def test_a_full_disk_takes_no_upload(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", bytes_max=10, free_bytes_min=1 << 62)
    with pytest.raises(Exception, match="the disk is full"):
        await uploads.create(ADA)


async def test_an_upload_is_gone_after_a_day(tmp_path: Path) -> None:
    now = 1_000_000.0
    uploads = Uploads(tmp_path / "uploads", bytes_max=10, free_bytes_min=0, now=lambda: now)
    first = await uploads.create(ADA)
    await uploads.append(first.upload, ADA, 0, chunks(b"x"), complete=True)
    now += SECONDS_KEPT + 1
    second = await uploads.create(ADA)
    with pytest.raises(NotFound):
        uploads.path(first.upload, ADA)
    assert {path.name.partition(".")[0] for path in (tmp_path / "uploads").iterdir()} == {second.upload}


async def test_what_arrived_before_a_break_stays(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionError

    uploads = Uploads(tmp_path / "uploads", bytes_max=10, free_bytes_min=0)
    begun = await uploads.create(DORA)
    with pytest.raises(ConnectionError):
        await uploads.append(begun.upload, DORA, 0, broken(), complete=True)
    assert (await uploads.show(begun.upload, DORA)).bytes == 3


async def test_an_upload_that_a_stopping_process_lets_go_of_says_where_to_go_on(world: World) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await world.draining.wait()
        yield b"def"

    async with client_of(world) as client, anyio.create_task_group() as tasks:

        async def stop() -> None:
            while not list((world.tmp_path / "uploads").glob("*.part")):
                await anyio.lowlevel.checkpoint()
            world.draining.begin()

        tasks.start_soon(stop)
        response = await client.post("/api/v1/uploads", content=slow())
    assert (response.status_code, response.json()["code"]) == (503, "upload_interrupted")
    assert response.json()["data"]["bytes"] in (0, 3)


async def test_two_requests_do_not_write_one_upload_at_once(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", bytes_max=10, free_bytes_min=0)
    begun = await uploads.create(DORA)

    async def meddling() -> AsyncIterator[bytes]:
        with pytest.raises(Conflict):
            await uploads.append(begun.upload, DORA, 0, chunks(b"b"), complete=True)
        yield b"a"

    done = await uploads.append(begun.upload, DORA, 0, meddling(), complete=True)
    assert done.bytes == 1
