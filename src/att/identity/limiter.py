"""Limits tries in a sliding window, for each key and for all together; time is handed in."""

from collections import deque
from math import ceil

KEYS_MAX = 10_000


class Limiter:
    """`per_key` tries in `window_seconds` for each key, `total` for all; memory is bounded by `keys_max` keys."""

    def __init__(self, *, per_key: int, total: int, window_seconds: float = 60.0, keys_max: int = KEYS_MAX) -> None:
        self._per_key = per_key
        self._total = total
        self._window = window_seconds
        self._keys_max = keys_max
        self._all: deque[float] = deque()
        self._tries: dict[str, deque[float]] = {}

    def take(self, key: str, now: float) -> int:
        """Count a try and return 0, or count nothing and return the whole seconds until one is free."""
        mine = self._tries.get(key, deque())
        for tries in (mine, self._all):
            _forget(tries, now - self._window)
        wait = max(self._wait(mine, self._per_key, now), self._wait(self._all, self._total, now))
        if wait > 0:
            return min(max(1, ceil(wait)), ceil(self._window))
        mine.append(now)
        self._all.append(now)
        self._remember(key, mine)
        return 0

    def refund(self, key: str, now: float) -> None:
        """Take back a try made at `now`, which turned out to be a good one."""
        for tries in (self._tries.get(key, deque()), self._all):
            if now in tries:
                tries.remove(now)

    def _wait(self, tries: deque[float], limit: int, now: float) -> float:
        return tries[-limit] + self._window - now if len(tries) >= limit else 0.0

    def _remember(self, key: str, tries: deque[float]) -> None:
        # Insertion order is order of last use: the first key is the one that matters least.
        self._tries.pop(key, None)
        self._tries[key] = tries
        if len(self._tries) > self._keys_max:
            del self._tries[next(iter(self._tries))]


def _forget(tries: deque[float], before: float) -> None:
    while tries and tries[0] <= before:
        tries.popleft()
