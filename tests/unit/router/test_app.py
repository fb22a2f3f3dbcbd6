"""Routes, keys, limits and errors of the router, in OpenAI's shape."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.unit.router.gateway import provider, router

from att.router import app as room
from att.router import asgi
from att.router.scripted import MODEL

pytestmark = pytest.mark.anyio
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "the sea"}]}
PACED = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "speak slowly of the sea"}]}


async def test_the_scripted_model_is_listed_shown_and_answers(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        listed = (await found.ask("GET", "/v1/models")).json
        assert [one["id"] for one in listed["data"]] == [MODEL]
        assert (await found.ask("GET", f"/v1/models/{MODEL}")).json == listed["data"][0]
        answered = await found.ask("POST", "/v1/chat/completions", CHAT)
        assert answered.status == 200
        assert answered.headers["content-type"] == "application/json"
        assert int(answered.headers["content-length"]) == len(answered.body)
        assert answered.json["choices"][0]["message"]["content"] == "You said: the sea"
        assert answered.json["created"] == 7


async def test_a_stream_is_events_and_ends_with_done(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
        answered = await found.ask("POST", "/v1/chat/completions", asked)
        assert answered.headers["content-type"].startswith("text/event-stream")
        frames = answered.body.decode().split("\n\n")
        assert frames[-2:] == ["data: [DONE]", ""]
        assert json.loads(frames[-3].removeprefix("data: "))["usage"]["total_tokens"] == 7
        assert answered.whole


async def test_embeddings_are_answered(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        answered = await found.ask("POST", "/v1/embeddings", {"model": MODEL, "input": ["a", "b"]})
        assert len(answered.json["data"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "payload", "status", "code"),
    [
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("GET", "/", None, 404, "not_found"),
        ("GET", "/v1/chat/completions", None, 405, "method_not_allowed"),
        ("GET", "/v1/models/gpt", None, 404, "model_not_found"),
        ("POST", "/v1/chat/completions", {**CHAT, "model": "gpt"}, 404, "model_not_found"),
        ("POST", "/v1/embeddings", {"model": "gpt", "input": "a"}, 404, "model_not_found"),
        ("POST", "/v1/chat/completions", {**CHAT, "messages": []}, 400, "invalid_request"),
        ("POST", "/v1/chat/completions", None, 400, "invalid_request"),
        ("POST", "/v1/embeddings", {"model": MODEL, "input": ["x" * 900_000] * 2}, 413, "body_too_large"),
    ],
)
async def test_an_error_has_openais_shape(
    tmp_path: Path, method: str, path: str, payload: Any, status: int, code: str
) -> None:
    async with router(tmp_path) as found:
        answered = await found.ask(method, path, payload, headers={"x-request-id": "req-of-the-client"})
        assert answered.status == status
        assert answered.json["error"]["code"] == code
        assert set(answered.json["error"]) == {"message", "type", "param", "code"}
        assert answered.headers["x-request-id"] == "req-of-the-client"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x", "/v1/nothing", "/admin/providers", "/metrics", "/"])
async def test_nothing_but_health_is_told_without_a_key(tmp_path: Path, path: str) -> None:
    async with router(tmp_path) as found:
        answered = await found.ask("GET", path, key="nonsense")
        assert answered.status == 401
        assert answered.json["error"]["code"] == "invalid_api_key"
        assert answered.headers["www-authenticate"] == "Bearer"


async def test_a_projects_key_opens_neither_admin_nor_figures_and_the_admins_opens_all(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        for path in ("/admin/providers", "/metrics"):
            assert (await found.ask("GET", path)).status == 401
            assert (await found.ask("GET", path, key=found.keys.for_admin())).status == 200
        assert (await found.ask("GET", "/v1/models", key=found.keys.for_admin())).status == 200


async def test_health_says_whether_keys_can_be_checked(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        assert (await found.ask("GET", "/healthz", key="")).json == {"status": "ok"}
        ready = await found.ask("GET", "/readyz", key="")
        assert (ready.status, ready.json["status"], ready.json["release"]) == (200, "ok", "1.0.0")
        (tmp_path / "run" / "api" / "router.pub").unlink()
        ready = await found.ask("GET", "/readyz", key="")
        assert (ready.status, ready.json["checks"]["key"]["status"]) == (503, "failed")


async def test_figures_count_by_route_provider_and_status(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        await found.ask("POST", "/v1/chat/completions", CHAT)
        await found.ask("GET", "/v1/secret-looking-path")
        text = (await found.ask("GET", "/metrics", key=found.keys.for_admin())).body.decode()
        assert 'att_router_requests_total{provider="att",route="/v1/chat/completions",status="200"} 1.0' in text
        assert 'att_router_requests_total{provider="none",route="other",status="404"} 1.0' in text
        assert "secret-looking" not in text


async def test_a_declared_or_a_real_body_above_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_BYTES_MAX", 100)
    async with router(tmp_path) as found:
        for headers, body in (({"content-length": "101"}, b"{}"), ({}, b"x" * 101)):
            answered = await found.ask("POST", "/v1/chat/completions", body=body, headers=headers)
            assert (answered.status, answered.headers["connection"]) == (413, "close")


async def test_more_requests_than_may_run_are_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RUNNING_MAX", 1)
    begun, gone = asyncio.Event(), asyncio.Event()
    async with router(tmp_path) as found:
        running = asyncio.create_task(
            found.ask("POST", "/v1/chat/completions", PACED, gone=gone, heard=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 5)
        refused = await found.ask("GET", "/v1/models")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        gone.set()
        await asyncio.wait_for(running, 5)
        assert (await found.ask("GET", "/v1/models")).status == 200


async def test_a_client_that_goes_away_ends_the_work_and_is_counted(tmp_path: Path) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()
    async with router(tmp_path) as found:
        running = asyncio.create_task(
            found.ask("POST", "/v1/chat/completions", PACED, gone=gone, heard=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 5)
        gone.set()
        answered = await asyncio.wait_for(running, 5)
        assert not answered.whole
        text = (await found.ask("GET", "/metrics", key=found.keys.for_admin())).body.decode()
        assert 'status="499"} 1.0' in text
        assert "att_router_running 0.0" in text


async def test_a_client_that_goes_away_before_its_body_is_whole_is_no_fault(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": _authorized(found.key)}
        await found.app(scope, receive, send)
        assert sent == []


async def test_a_body_that_comes_too_slowly_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS_MAX", 0.01)
    async with router(tmp_path) as found:
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": _authorized(found.key)}
        await found.app(scope, receive, send)
        assert sent[0]["status"] == 408


async def test_a_request_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REQUEST_SECONDS_MAX", 0.01)
    async with router(tmp_path) as found:
        answered = await found.ask("POST", "/v1/chat/completions", PACED)
        assert answered.whole
        assert b"provider_timeout" in answered.body.rpartition(b"data: ")[2]


async def test_stopping_waits_a_moment_then_ends_streams_with_an_event_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STOP_SECONDS", 0.01)
    begun = asyncio.Event()
    async with router(tmp_path) as found:
        running = asyncio.create_task(found.ask("POST", "/v1/chat/completions", PACED, heard=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), 5)
        await found.app.stop()
        answered = await asyncio.wait_for(running, 5)
        assert answered.whole
        assert b'"restarting"' in answered.body.rpartition(b"data: ")[2]


async def test_stopping_sends_who_has_no_answer_yet_to_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STOP_SECONDS", 0.01)
    begun = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    async with provider(silent) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], None)
        running = asyncio.create_task(found.ask("POST", "/v1/chat/completions", {"model": "llama"}))
        await asyncio.wait_for(begun.wait(), 5)
        await found.app.stop()
        answered = await asyncio.wait_for(running, 5)
        assert (answered.status, answered.headers["retry-after"]) == (503, "1")


async def test_an_idle_router_stops_at_once_and_a_cancelled_request_is_cancelled(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        begun = asyncio.Event()
        running = asyncio.create_task(found.ask("POST", "/v1/chat/completions", PACED, heard=lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), 5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await found.app.stop()


async def test_a_fault_of_ours_is_told_without_its_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with router(tmp_path) as found:
        monkeypatch.setattr(found.app._gateway.script, "current", lambda: 1 / 0)
        answered = await found.ask("POST", "/v1/chat/completions", CHAT)
        assert answered.status == 500
        assert "division" not in answered.body.decode()


async def test_websockets_are_turned_away(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await found.app({"type": "websocket"}, asyncio.Event().wait, send)  # type: ignore[arg-type]  # nothing is received
        assert sent == [{"type": "websocket.close", "code": 1008}]


def _authorized(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {key}".encode())]
