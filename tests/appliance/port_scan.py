"""Knocks at ports of one address and prints as JSON which are open and which stay silent. Runs by itself.

Usage: port_scan.py ADDRESS. Every TCP port is asked for a connection. UDP ports up to 1,024 and well-known ones above
get a datagram: a closed one is told by the other side's ICMP answer, and the silent ones are asked again a few times.
"""

import errno
import json
import select
import socket
import sys
import time
from contextlib import suppress

TCP_PORTS = range(1, 65536)
UDP_PORTS = (
    *range(1, 1025),
    *(1194, 1434, 1701, 1812, 1900, 2049, 3478, 3702, 4500, 4789, 5060, 5353, 5355, 6081, 7443, 7444, 8472, 11211),
    *(19302, 27015, 41641, 51820),
)
AT_ONCE = 400
ANSWER_SECONDS = 3.0
UDP_TRIES = 8
# The other side sends no more than so many ICMP answers at once.
UDP_AT_ONCE, UDP_PAUSE_SECONDS = 40, 0.1


def tcp(address: str) -> dict[str, list[int]]:
    """The ports that took the connection, and those that did not even refuse it."""
    waiting = list(TCP_PORTS)
    found: dict[str, list[int]] = {"open": [], "silent": []}
    for at in range(0, len(waiting), AT_ONCE):
        for port, state in _connected(address, waiting[at : at + AT_ONCE]).items():
            if state != "closed":
                found[state].append(port)
    return found


def _connected(address: str, ports: list[int]) -> dict[int, str]:
    states = dict.fromkeys(ports, "silent")
    poll, doors = select.poll(), {}
    for port in ports:
        door = socket.socket(_family(address), socket.SOCK_STREAM)
        door.setblocking(False)
        code = door.connect_ex((address, port))
        doors[door.fileno()] = (door, port)
        if code == errno.EINPROGRESS:
            poll.register(door, select.POLLOUT)
        else:
            states[port] = _state(code)
    until = time.monotonic() + ANSWER_SECONDS
    left = sum(state == "silent" for state in states.values())
    while left and (seconds := until - time.monotonic()) > 0:
        for number, _ in poll.poll(seconds * 1000):
            door, port = doors[number]
            states[port] = _state(door.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            poll.unregister(door)
            left -= 1
    for door, _ in doors.values():
        door.close()
    return states


def _state(code: int) -> str:
    return {0: "open", errno.ECONNREFUSED: "closed"}.get(code, "silent")


def udp(address: str) -> dict[str, list[int]]:
    """The ports that answered a datagram, and those for which no ICMP answer says that they are closed."""
    answered: set[int] = set()
    left = set(UDP_PORTS)
    for _ in range(UDP_TRIES):
        ordered = sorted(left)
        for at in range(0, len(ordered), UDP_AT_ONCE):
            left -= _closed(address, ordered[at : at + UDP_AT_ONCE], answered)
    return {"open": sorted(answered), "silent": sorted(left - answered)}


def _closed(address: str, ports: list[int], answered: set[int]) -> set[int]:
    doors = {}
    for port in ports:
        door = socket.socket(_family(address), socket.SOCK_DGRAM)
        door.setblocking(False)
        door.connect((address, port))
        with suppress(ConnectionRefusedError):
            door.send(b"\0" * 8)
        doors[port] = door
    time.sleep(UDP_PAUSE_SECONDS)
    closed = set()
    for port, door in doors.items():
        try:
            door.recv(2048)
            answered.add(port)
        except ConnectionRefusedError:
            closed.add(port)
        except BlockingIOError:
            pass
        door.close()
    return closed


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


if __name__ == "__main__":
    print(json.dumps({"tcp": tcp(sys.argv[1]), "udp": udp(sys.argv[1])}))
