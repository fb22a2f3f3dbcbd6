"""What the API asks of the router: list, add, test and remove providers. Errors are ATT's own, as JSON."""

import time

import msgspec

from att.kernel.error_json import error_object
from att.kernel.errors import AttError, InvalidInput, NotFound
from att.router.asgi import Exchange
from att.router.errors import BadRequest, GatewayError
from att.router.paths import ADMIN
from att.router.providers import Provider, Providers
from att.router.script import LiveScript
from att.router.scripted import MODEL
from att.router.upstream import Target, Upstream
from att.router.wire import decode

TEST_SECONDS = 20.0


class Addition(msgspec.Struct, forbid_unknown_fields=True):
    """A provider to add."""

    name: str
    base_url: str
    models: list[str]
    key: str | None = None


class Admin:
    """Answers below `/admin`; the caller has been let in as admin already."""

    def __init__(self, providers: Providers, upstream: Upstream, script: LiveScript) -> None:
        self._providers = providers
        self._upstream = upstream
        self._script = script

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request; what goes wrong is told as {"error": …} with the error's own status."""
        try:
            await exchange.answer_json(200, await self._answer(exchange))
        except AttError as error:
            await exchange.answer_json(error.status, {"error": error_object(error)})

    async def _answer(self, exchange: Exchange) -> dict[str, object]:
        name, _, verb = exchange.path.removeprefix(ADMIN).strip("/").partition("/")
        match (exchange.method, name, verb):
            case ("GET", "", ""):
                self._script.current()
                shown = [provider.public() for provider in self._providers.all()]
                return {"scripted": MODEL, "script_problem": self._script.problem, "providers": shown}
            case ("POST", "", ""):
                return (await self._add(exchange)).public()
            case ("DELETE", _, "") if name:
                return self._providers.remove(name).public()
            case ("POST", _, "test"):
                return await self._test(self._providers.get(name))
            case _:
                raise NotFound("not_found", f"cannot answer {exchange.method} {exchange.path[:100]}: no such route")

    async def _add(self, exchange: Exchange) -> Provider:
        try:
            wanted = decode(await exchange.body(), Addition)
        except BadRequest as error:
            raise InvalidInput("invalid_input", error.message, field=error.param) from error
        return self._providers.add(wanted.name, wanted.base_url, wanted.models, wanted.key)

    async def _test(self, provider: Provider) -> dict[str, object]:
        """Ask the provider for its models; says how that went, and which of ours it does not list."""
        target = Target(provider.name, f"{provider.base_url}/models", self._providers.key(provider))
        began = time.monotonic()
        try:
            async with self._upstream.ask(target, "GET", seconds=TEST_SECONDS) as answer:
                body = await answer.small()
            status: int | None = answer.status
            problem = None if answer.status == 200 else f"it answered {answer.status} to GET /models"
        except GatewayError as error:
            body, status, problem = b"", None, error.message
        listed = _ids(body) if problem is None else ()
        return {
            "name": provider.name,
            "ok": problem is None,
            "status": status,
            "milliseconds": round((time.monotonic() - began) * 1000),
            "problem": problem,
            "missing": [model for model in provider.models if listed and model not in listed],
        }


class _Listed(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Listed] = []


def _ids(body: bytes) -> tuple[str, ...]:
    try:
        return tuple(one.id for one in msgspec.json.decode(body, type=_List).data)
    except (msgspec.MsgspecError, RecursionError):
        return ()
