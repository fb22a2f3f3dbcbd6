"""Passwords: argon2id in a worker thread, few at a time, as slow for a name that is not there."""

from functools import partial

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

UNUSABLE = "!"
"""A stored hash that no password has."""

# 19 MiB, 2 passes: OWASP's minimum for argon2id, so that two at once fit a small appliance.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = 2


class Passwords:
    """Hashes and verifies; at most two at a time, since each takes memory."""

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        self._hasher = hasher
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        self._decoy: str | None = None

    async def hashed(self, password: str) -> str:
        """Return the argon2id string to store."""
        return await anyio.to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` made `stored`; None (no such user) takes as long and is False."""
        return await anyio.to_thread.run_sync(partial(self._verify, stored, password), limiter=self._limiter)

    def _verify(self, stored: str | None, password: str) -> bool:
        usable = stored is not None and stored != UNUSABLE
        if self._decoy is None:
            self._decoy = self._hasher.hash("a password that nobody has")
        try:
            return self._hasher.verify(stored if usable and stored else self._decoy, password) and usable
        except (VerificationError, InvalidHashError):
            return False
