"""Where a request for an app goes: the path below which the caller sees it, and what is left for the app."""

import socket
from typing import Any, Protocol

from starlette.types import Scope

from att.workspace.place import Place

PREFIX = "/apps"


class Apps(Protocol):
    """Who knows the running apps; `att.runtime.service.Runtime` is one."""

    async def connect(self, project: str) -> tuple[Place, Any, socket.socket]:
        """Return a connection to a project's running app; raises NotFound, Unavailable."""


def prefix_of(scope: Scope) -> str:
    """Return the path below which the caller sees the app."""
    return f"{PREFIX}/{_pieces(scope)[2].decode('latin-1')}"


def target_of(scope: Scope) -> str:
    """Return what the app is asked for: the rest of the path as it was sent, and the query."""
    pieces = _pieces(scope)
    path = "/" + (pieces[3].decode("latin-1") if len(pieces) > 3 else "")
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _pieces(scope: Scope) -> list[bytes]:
    raw: bytes = scope["raw_path"]
    return raw.partition(b"?")[0].split(b"/", 3)
