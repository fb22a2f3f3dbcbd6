"""Requests for a provider's models pass through untouched, and its failures are told as ours."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.unit.router.gateway import provider, router

from att.router import upstream
from att.router.errors import ProviderSilent

pytestmark = pytest.mark.anyio
BODY = b'{"model": "far/llama", "seed": 12345678901234567890123, "messages": [{"role": "user",  "content": "\\u00e4"}]}'
KEY = "sk-of-the-provider"


async def test_the_body_passes_with_the_providers_model_and_key_and_the_answer_as_it_is(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(path=request.path, headers=dict(request.headers), body=await request.read())
        return web.Response(body=b'{"odd":  1.10}', content_type="application/json", headers={"x-request-id": "far-1"})

    async with provider(answer) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], KEY)
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert (answered.status, answered.body) == (200, b'{"odd":  1.10}')
        assert seen["path"] == "/v1/chat/completions"
        assert seen["headers"]["Authorization"] == f"Bearer {KEY}"
        assert seen["body"] == (
            b'{"model":"llama","seed":12345678901234567890123,"messages":[{"role": "user",  "content": "\\u00e4"}]}'
        )
        bare = BODY.replace(b"far/llama", b"llama")
        await found.ask("POST", "/v1/chat/completions", body=bare)
        assert seen["body"] == bare
        await found.ask("POST", "/v1/embeddings", {"model": "llama", "input": "x"})
        assert seen["path"] == "/v1/embeddings"
        listed = (await found.ask("GET", "/v1/models")).json["data"]
        assert [(one["id"], one["owned_by"]) for one in listed] == [("att-scripted", "att"), ("far/llama", "far")]


async def test_a_stream_passes_as_it_comes(tmp_path: Path) -> None:
    went_on, pieces = asyncio.Event(), list[bytes]()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await went_on.wait()
        await response.write(b"data: [DONE]\n\n")
        return response

    def heard(piece: bytes) -> None:
        pieces.append(piece)
        went_on.set()

    async with provider(answer) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], None)
        answered = await asyncio.wait_for(found.ask("POST", "/v1/chat/completions", body=BODY, heard=heard), 5)
        assert pieces[0] == b"data: one\n\n"
        assert answered.body == b"data: one\n\ndata: [DONE]\n\n"


async def test_when_the_client_goes_the_provider_hears_of_it(tmp_path: Path) -> None:
    ended, begun, gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return response

    async with provider(answer) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], None)
        asking = asyncio.create_task(
            found.ask("POST", "/v1/chat/completions", body=BODY, gone=gone, heard=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 5)
        gone.set()
        await asyncio.wait_for(asking, 5)
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("far", "status", "code"),
    [
        (400, 400, "of the provider"),
        (404, 404, "of the provider"),
        (401, 502, "provider_key_refused"),
        (403, 502, "provider_key_refused"),
        (429, 429, "rate_limited"),
        (500, 502, "provider_failed"),
        (503, 502, "provider_failed"),
        (302, 502, "provider_failed"),
    ],
)
async def test_a_providers_refusal_is_the_clients_or_the_operators(
    tmp_path: Path, far: int, status: int, code: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        headers = {"retry-after": "9", "location": "http://169.254.169.254/"}
        return web.json_response({"error": {"code": "of the provider"}}, status=far, headers=headers)

    async with provider(answer) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], KEY)
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert answered.status == status
        assert answered.json["error"]["code"] == code
        assert KEY not in answered.body.decode()
        if far == 429:
            assert answered.headers["retry-after"] == "9"


async def test_a_provider_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        found.providers.add("far", "http://127.0.0.1:1/v1", ["llama"], None)
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert (answered.status, answered.json["error"]["code"]) == (502, "provider_unreachable")
        assert "refused" in answered.json["error"]["message"]


async def test_a_provider_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with provider(answer) as url, router(tmp_path, silence_seconds=0.05) as found:
        found.providers.add("far", url, ["llama"], None)
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert (answered.status, answered.json["error"]["code"]) == (504, "provider_timeout")


async def test_a_stream_that_falls_silent_ends_with_an_event_that_says_so(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await asyncio.Event().wait()
        return response

    async with provider(answer) as url, router(tmp_path, silence_seconds=0.05) as found:
        found.providers.add("far", url, ["llama"], None)
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert answered.body.startswith(b"data: one\n\n\n\ndata: {")
        assert b"provider_timeout" in answered.body


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"half": ')
        await asyncio.Event().wait()
        return response

    async with provider(answer) as url, router(tmp_path, silence_seconds=0.05) as found:
        found.providers.add("far", url, ["llama"], None)
        with pytest.raises(ProviderSilent):
            await found.ask("POST", "/v1/chat/completions", body=BODY)


async def test_a_name_that_leads_to_a_denied_address_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with router(tmp_path) as found:
        found.providers.add("far", "http://localhost:9/v1", ["llama"], None)
        monkeypatch.setattr(upstream, "is_denied", lambda host: host in ("127.0.0.1", "::1"))
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert answered.status == 502
        assert "metadata" in answered.json["error"]["message"]
        monkeypatch.setattr(upstream, "is_denied", lambda host: host == "localhost")
        answered = await found.ask("POST", "/v1/chat/completions", body=BODY)
        assert "never asked" in answered.json["error"]["message"]


async def test_a_key_that_does_not_open_is_told(tmp_path: Path) -> None:
    async with router(tmp_path) as found:
        found.providers.add("far", "http://127.0.0.1:1/v1", ["llama"], KEY)
        (tmp_path / "state" / "sealing.key").unlink()
        async with router(tmp_path) as again:
            answered = await again.ask("POST", "/v1/chat/completions", body=BODY)
            assert (answered.status, answered.json["error"]["code"]) == (502, "sealed_broken")


async def test_the_admin_adds_tests_lists_and_removes(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        return web.json_response({"data": [{"id": "llama"}]})

    async with provider(answer) as url, router(tmp_path) as found:
        key, base = found.keys.for_admin(), "/admin/providers"
        wanted = {"name": "far", "base_url": url, "models": ["llama", "other"], "key": KEY}
        added = await found.ask("POST", base, wanted, key=key)
        assert added.json == {"name": "far", "base_url": url, "models": ["llama", "other"], "has_key": True}
        tested = (await found.ask("POST", f"{base}/far/test", key=key)).json
        assert (tested["ok"], tested["status"], tested["problem"], tested["missing"]) == (True, 200, None, ["other"])
        assert (await found.ask("GET", base, key=key)).json["providers"] == [added.json]
        assert (await found.ask("DELETE", f"{base}/far", key=key)).json == added.json
        assert (await found.ask("GET", base, key=key)).json["providers"] == []


@pytest.mark.parametrize(
    ("method", "path", "payload", "status", "code"),
    [
        ("POST", "/admin/providers", {"name": "x"}, 422, "invalid_input"),
        ("POST", "/admin/providers", {"name": "x", "base_url": "u", "models": ["a"], "more": 1}, 422, "invalid_input"),
        ("DELETE", "/admin/providers/none", None, 404, "provider_unknown"),
        ("POST", "/admin/providers/none/test", None, 404, "provider_unknown"),
        ("PUT", "/admin/providers", None, 404, "not_found"),
        ("DELETE", "/admin/providers", None, 404, "not_found"),
    ],
)
async def test_what_the_admin_refuses_is_told_as_our_own_error(
    tmp_path: Path, method: str, path: str, payload: Any, status: int, code: str
) -> None:
    async with router(tmp_path) as found:
        answered = await found.ask(method, path, payload, key=found.keys.for_admin())
        assert (answered.status, answered.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize(("body", "status"), [(b"nonsense", 200), (b"{}", 500)])
async def test_a_test_tells_how_the_provider_answered(tmp_path: Path, body: bytes, status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    async with provider(answer) as url, router(tmp_path) as found:
        found.providers.add("far", url, ["llama"], None)
        tested = (await found.ask("POST", "/admin/providers/far/test", key=found.keys.for_admin())).json
        assert (tested["ok"], tested["status"], tested["missing"]) == (status == 200, status, [])
        found.providers.remove("far")
        found.providers.add("far", "http://127.0.0.1:1/v1", ["llama"], None)
        tested = (await found.ask("POST", "/admin/providers/far/test", key=found.keys.for_admin())).json
        assert (tested["ok"], tested["status"]) == (False, None)
        assert "cannot be reached" in tested["problem"]
