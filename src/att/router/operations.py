"""What of the models is public."""

from att.kernel.operation import Context, Effect, Operation, Retry, Role, Route
from att.router.schema import (
    ModelsAdd,
    ModelsKey,
    ModelsKeyMade,
    ModelsList,
    ModelsPage,
    ModelsTested,
    Provider,
    ProviderName,
)
from att.router.service import Models


async def _list(context: Context, request: ModelsList) -> ModelsPage:  # noqa: ARG001 - the shape of every handler
    return await context.get(Models).list()


async def _add(context: Context, request: ModelsAdd) -> Provider:
    return await context.get(Models).add(request)


async def _test(context: Context, request: ProviderName) -> ModelsTested:
    return await context.get(Models).test(request.name)


async def _remove(context: Context, request: ProviderName) -> Provider:
    return await context.get(Models).remove(request.name)


async def _key(context: Context, request: ModelsKey) -> ModelsKeyMade:
    return context.get(Models).key(context.caller, request.days)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.models.list",
        summary="List the scripted model and the providers whose models apps may use",
        request=ModelsList,
        result=ModelsPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/models"),
        handler=_list,
    ),
    Operation(
        name="att.models.add",
        summary="Add a provider that speaks OpenAI's protocol; its key is kept sealed",
        request=ModelsAdd,
        result=Provider,
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        route=Route("POST", "/models", status=201),
        handler=_add,
        retry=Retry.PROBE,
        example="vllm --base-url http://10.0.0.5:8000/v1 --models llama-3.1-8b",
    ),
    Operation(
        name="att.models.test",
        summary="Ask a provider for its models; exit 1 when it does not answer as it should",
        request=ProviderName,
        result=ModelsTested,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("POST", "/models/{name}/test"),
        handler=_test,
        example="vllm",
        exit_code=lambda result: int(not result.ok),
    ),
    Operation(
        name="att.models.remove",
        summary="Remove a provider and its key",
        request=ProviderName,
        result=Provider,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.OPERATOR,
        route=Route("DELETE", "/models/{name}"),
        handler=_remove,
        example="vllm",
    ),
    Operation(
        name="att.models.key",
        summary="Make a key for the OpenAI-compatible door /v1; it is shown this once",
        request=ModelsKey,
        result=ModelsKeyMade,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/models/keys", status=201),
        handler=_key,
        retry=Retry.PROBE,
        example="--days 7",
    ),
)
