"""One thread that waits for many descriptors."""

import os
import selectors
import signal
import socket
from collections.abc import Callable
from typing import Any

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Loop:
    """Calls back with the events of each watched descriptor; signals arrive as numbers through `signals`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._woken, wakes = socket.socketpair()
        self._wakes = wakes
        for end in (self._woken, wakes):
            end.setblocking(False)

    def catch_signals(self, callback: Callable[[int], None]) -> None:
        """Have the signals that concern a parent of processes handed to `callback`, one by one."""
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

        def read(_: int) -> None:
            for number in self._woken.recv(4096):
                callback(number)

        self.watch(self._woken, READ, read)

    def watch(self, file: Any, events: int, callback: Callable[[int], object]) -> None:
        """Call `callback` with the events that are ready; with no events stop watching the file."""
        known = file in self._selector.get_map()
        if not events:
            self.forget(file)
        elif known:
            self._selector.modify(file, events, callback)
        else:
            self._selector.register(file, events, callback)

    def forget(self, file: Any) -> None:
        """Stop watching; quiet when nobody watched."""
        if file in self._selector.get_map():
            self._selector.unregister(file)

    def turn(self, timeout: float | None) -> None:
        """Wait for something once, and tell it."""
        for key, events in self._selector.select(timeout):
            # An earlier callback of this turn may have closed it, and another may have its number by now.
            now = self._selector.get_map().get(key.fd)
            if now is not None and now.fileobj is key.fileobj:
                key.data(events)


def close(loop: Loop, file: socket.socket) -> None:
    """Stop watching a socket and close it."""
    loop.forget(file)
    file.close()


def unix_listener(name: str) -> socket.socket:
    """Return a socket that listens in the present folder, for who owns the folder and its group."""
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listener.bind(name)
    finally:
        os.umask(before)
    listener.listen(128)
    listener.setblocking(False)
    return listener
