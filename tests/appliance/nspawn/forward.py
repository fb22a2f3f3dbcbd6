"""Forwards a loopback port of the host to the appliance port inside a container's network.

Usage: forward.py LEADER-PID [PORT]. Prints the port it listens on. It listens first, then moves into the container's
network for good, so that what it connects to is there. A refused connection is passed on as a reset.
"""

import asyncio
import os
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

APPLIANCE = ("127.0.0.1", 7443)
CHUNK_BYTES = 65536


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(*APPLIANCE)
    except OSError:
        client: socket.socket = writer.get_extra_info("socket")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))
    for end in (writer, far_writer):
        end.close()


async def main(listener: socket.socket) -> None:
    server = await asyncio.start_server(serve, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), backlog=1024)
    network = os.open(Path(f"/proc/{sys.argv[1]}/ns/net"), os.O_RDONLY)
    os.setns(network, os.CLONE_NEWNET)
    print(listening.getsockname()[1], flush=True)
    asyncio.run(main(listening))
