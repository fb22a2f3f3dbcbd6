"""Who is at the other end of a unix socket."""

import socket
import struct

UNIX_PEER = "unix"
"""Host of an ASGI `client` who came through a unix socket; in place of the port stands the peer's uid."""

_CREDENTIALS = struct.Struct("3i")


def peer_uid(connection: socket.socket) -> int:
    """Return the uid that connected, as the kernel saw it at connect time."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
