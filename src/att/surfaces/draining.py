"""The end of a process, as its open requests see it: set once on SIGTERM, awaited by every stream and waiting write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio


class Draining:
    """Whether this process is about to stop; `wait` returns as soon as it is."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._scopes: set[anyio.CancelScope] = set()

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
        for scope in list(self._scopes):
            scope.cancel()

    def on_begin(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once when draining begins."""
        self._callbacks.append(callback)

    async def wait(self) -> None:
        """Return when draining has begun."""
        await self._event.wait()

    @contextmanager
    def cancels(self) -> Iterator[anyio.CancelScope]:
        """Have what runs in here cancelled when draining begins; the scope's `cancelled_caught` says that it was."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            if self.begun:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.discard(scope)
