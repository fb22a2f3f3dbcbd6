"""What answers `/v1`: the scripted model here, other models by their provider."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from att.kernel.errors import AttError
from att.router.asgi import EVENTS, Exchange
from att.router.errors import NotThere, ProviderFailed, TooMany
from att.router.providers import Provider, Providers
from att.router.script import LiveScript
from att.router.scripted import MODEL, OWNER, chunks, complete, embeddings, whole
from att.router.upstream import Answer, Target, Upstream
from att.router.wire import DONE, Addressed, ChatRequest, EmbeddingRequest, decode, event, with_model

MODEL_CREATED = 1_767_225_600
SCRIPTED = "att"
_CHAT, _EMBEDDINGS = "/chat/completions", "/embeddings"


@dataclass(frozen=True)
class Gateway:
    """Answers; each method returns the name of the provider that was asked, for the figures."""

    script: LiveScript
    providers: Providers
    upstream: Upstream
    now: Callable[[], float] = time.time

    async def models(self, exchange: Exchange) -> str:
        """List every model that may be asked for."""
        await exchange.answer_json(200, {"object": "list", "data": [_model(*one) for one in self._listed()]})
        return SCRIPTED

    async def model(self, exchange: Exchange, name: str) -> str:
        """Show one model."""
        for one, owner in self._listed():
            if one == name:
                await exchange.answer_json(200, _model(one, owner))
                return SCRIPTED
        raise _no_model(name)

    async def chat(self, exchange: Exchange) -> str:
        """Answer a chat."""
        body = await exchange.body()
        if decode(body, Addressed).model != MODEL:
            return await self._pass(exchange, body, _CHAT)
        request = decode(body, ChatRequest)
        answer = complete(request, self.script.current(), int(self.now()))
        if not request.stream:
            await exchange.answer_json(200, whole(answer))
            return SCRIPTED

        async def events() -> AsyncIterator[bytes]:
            usage = request.stream_options is not None and bool(request.stream_options.include_usage)
            for chunk in chunks(answer, usage=usage):
                yield event(chunk)
                await asyncio.sleep(answer.pace_ms / 1000)
            yield DONE

        await exchange.until_gone(exchange.stream(200, {"content-type": f"{EVENTS}; charset=utf-8"}, events()))
        return SCRIPTED

    async def embed(self, exchange: Exchange) -> str:
        """Answer with embeddings."""
        body = await exchange.body()
        if decode(body, Addressed).model != MODEL:
            return await self._pass(exchange, body, _EMBEDDINGS)
        request = decode(body, EmbeddingRequest)
        await exchange.answer_json(200, await asyncio.to_thread(embeddings, request))
        return SCRIPTED

    async def _pass(self, exchange: Exchange, body: bytes, path: str) -> str:
        """Hand the request to the model's provider, and what it answers back, untouched."""
        asked = decode(body, Addressed).model
        found = self.providers.of_model(asked)
        if found is None:
            raise _no_model(asked)
        provider, model = found
        sent = body if model == asked else with_model(body, model)
        target = Target(provider.name, provider.base_url + path, self._key(provider))
        await exchange.until_gone(self._relay(exchange, target, sent))
        return provider.name

    async def _relay(self, exchange: Exchange, target: Target, body: bytes) -> None:
        async with self.upstream.ask(target, body=body) as answer:
            await _raise_for(answer, target.provider)
            await exchange.stream(answer.status, answer.headers, answer.pieces())

    def _key(self, provider: Provider) -> str | None:
        try:
            return self.providers.key(provider)
        except AttError as error:
            raise ProviderFailed(error.detail, code=error.code) from error

    def _listed(self) -> list[tuple[str, str]]:
        return [(MODEL, OWNER), *self.providers.models()]


async def _raise_for(answer: Answer, provider: str) -> None:
    """Turn what is the operator's or the provider's fault into errors of the gateway; the client's own pass."""
    said = f"the provider {provider} answered {answer.status}"
    if answer.status in (401, 403):
        raise ProviderFailed(
            f"cannot answer: {said}: it does not take the key configured for it", code="provider_key_refused"
        )
    if answer.status == 429:
        raise TooMany(f"cannot answer: {said}: too many requests", retry_after=answer.headers.get("retry-after"))
    if answer.status >= 500 or 300 <= answer.status < 400:
        raise ProviderFailed(f"cannot answer: {said}")


def _model(name: str, owner: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": MODEL_CREATED, "owned_by": owner}


def _no_model(name: str) -> NotThere:
    return NotThere(
        f"cannot answer: there is no model {name[:128]!r}; `GET /v1/models` lists them",
        code="model_not_found",
        param="model",
    )
