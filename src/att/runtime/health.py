"""Asks an app for its health over its own socket."""

import time

from att.kernel.errors import AttError
from att.runtime.exchange import AppBroken, Sent, request
from att.runtime.schema import Health
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import Channel

PATH = "/health"
ANSWER_SECONDS = 5.0
_BODY_BYTES_MAX = 64 * 1024


async def probe(sandboxes: Sandboxes, place: Place, task_id: str, *, seconds: float = ANSWER_SECONDS) -> Health:
    """Return what the app answers; that it does not answer is an answer too."""
    began = time.monotonic()
    try:
        connection = await sandboxes.connect(place, task_id, Channel.APP)
        status, _ = await request(connection, Sent("GET", PATH), seconds=seconds, bytes_max=_BODY_BYTES_MAX)
    except AppBroken as error:
        return Health(project_id=place.project_id, healthy=False, detail=f"the app did not answer: {error}")
    except AttError as error:
        return Health(project_id=place.project_id, healthy=False, detail=error.detail)
    healthy = 200 <= status < 300
    detail = "the app is healthy" if healthy else f"the app answered {PATH} with {status}"
    taken = round(time.monotonic() - began, 4)
    return Health(project_id=place.project_id, healthy=healthy, detail=detail, status=status, seconds=taken)
