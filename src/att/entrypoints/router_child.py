"""`make dev`: the router as a child of the API, on sockets that the API holds, so that its restart loses nobody."""

import os
import socket

from att.appliance import Facts
from att.entrypoints.kept import keep, listen_unix
from att.kernel.errors import Conflict
from att.router.door import RouterDoor
from att.router.keys import RouterKeys

PORT = "ROUTER_PORT"
PORTS_TRIED = 20


class RouterChild:
    """Holds the sockets; `run` keeps the process going until it is cancelled."""

    def __init__(self, where: Facts, wanted: str) -> None:
        """Listen; `wanted` is a port of the developer's, empty for the usual one or the next that is free."""
        self._where = where
        self._tcp = _listen(where.ports.router, wanted)
        socket_path = where.unit("att-router").socket_paths[0]
        self._unix = listen_unix(socket_path)
        keys = RouterKeys.load(where.paths.api_state, where.paths.run)
        self.door = RouterDoor(socket_path, self._tcp.getsockname()[1], keys)

    async def run(self) -> None:
        """Start the process, and again when it ends; cancelled, end it and the sockets."""
        await keep("att.entrypoints.router", self._where.root, (self._tcp, self._unix))


def _listen(usual: int, wanted: str) -> socket.socket:
    if wanted:
        return _bound(int(wanted))
    for port in range(usual, usual + PORTS_TRIED):
        try:
            return _bound(port)
        except Conflict:
            continue
    return _bound(0)


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Conflict("port_taken", f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0)}") from error
