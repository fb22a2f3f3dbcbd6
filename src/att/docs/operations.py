"""The guide as an operation: read where ATT runs, without the internet."""

import asyncio

from att.docs.schema import Docs, DocsRequest
from att.docs.service import guide, guide_folder
from att.kernel.operation import Context, Effect, Operation, Role, Route


async def docs(_: Context, request: DocsRequest) -> Docs:
    """Read the guide of the running release."""
    return await asyncio.to_thread(guide, guide_folder(), request.page, request.search)


OPERATIONS = (
    Operation(
        name="att.docs",
        summary="Read the guide of the running release: its pages, one of them, or the lines that hold some words",
        request=DocsRequest,
        result=Docs,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/docs"),
        handler=docs,
        example="first-steps",
        local=True,
    ),
)
