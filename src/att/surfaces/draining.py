"""The end of a process, as its open requests see it: set once on SIGTERM, awaited by every stream and waiting write."""

from collections.abc import Callable

import anyio


class Draining:
    """Whether this process is about to stop; `wait` returns as soon as it is."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        """True from SIGTERM on."""
        return self._event.is_set()

    def begin(self) -> None:
        """Say that the process stops; may be called more than once, from the event loop's thread."""
        if self.begun:
            return
        self._event.set()
        for callback in self._callbacks:
            callback()

    def on_begin(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once when draining begins."""
        self._callbacks.append(callback)

    async def wait(self) -> None:
        """Return when draining has begun."""
        await self._event.wait()
