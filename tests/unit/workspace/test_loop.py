"""What waits for many descriptors bears it when one of them is closed while it is told about another."""

import socket

from att.workspace.shim.loop import READ, Loop, close


def test_what_an_earlier_callback_of_the_same_turn_closed_is_told_nothing_more() -> None:
    loop, told = Loop(), list[int]()
    ends = [socket.socketpair() for _ in range(2)]

    def both_end(events: int) -> None:
        told.append(events)
        for near, _ in ends:
            close(loop, near)

    for near, far in ends:
        loop.watch(near, READ, both_end)
        far.send(b"x")
    loop.turn(5.0)
    assert told == [READ]
    loop._selector.close()
    for one in (loop._woken, loop._wakes, *(far for _, far in ends)):
        one.close()
