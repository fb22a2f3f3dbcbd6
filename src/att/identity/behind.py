"""Sessions that could not be written: somebody who has to make room on a full disk must be able to sign in.

What is here ends with the process, or is written as soon as the disk takes it.
"""

from dataclasses import dataclass, replace

from att.identity import records
from att.identity.decision import Lifetime, session_lives
from att.identity.records import Holder
from att.kernel.operation import Caller
from att.store.connection import Connection

SESSIONS_MAX = 100
UNWRITABLE = frozenset({"disk_full", "disk_inodes", "disk_read_only", "disk_failed"})
"""What writing is refused with that holds up nobody who signs in or out; a fence is waited for."""


@dataclass(frozen=True)
class Made:
    """A session that is not in the database; `seen` is when it was last used, 0 when it was not yet."""

    caller: Caller
    created: float
    expires: float
    seen: float = 0.0

    def lives(self, now: float) -> bool:
        """Whether it is good at `now`, as one in the database would be."""
        return session_lives(now, last_seen=max(self.created, self.seen), expires=self.expires)


class SessionsBehind:
    """Sessions without a row, and rows whose session was ended: at most `SESSIONS_MAX` of each, the oldest go."""

    def __init__(self) -> None:
        self._made: dict[str, Made] = {}
        self._ended: dict[str, None] = {}

    def make(self, sha256: str, made: Made) -> None:
        """Hold a session that could not be written."""
        self._made[sha256] = made
        if len(self._made) > SESSIONS_MAX:
            del self._made[next(iter(self._made))]

    def end(self, sha256: str) -> None:
        """End a session whose row could not be deleted, or that has none."""
        self._made.pop(sha256, None)
        self._ended[sha256] = None
        if len(self._ended) > SESSIONS_MAX:
            del self._ended[next(iter(self._ended))]

    def forget(self, token_id: str | None = None) -> int:
        """End those made with a token, or all; return how many."""
        gone = [key for key, made in self._made.items() if token_id is None or made.caller.token_id == token_id]
        for key in gone:
            del self._made[key]
        return len(gone)

    def has_ended(self, sha256: str) -> bool:
        """Whether a session was ended, whatever the database says."""
        return sha256 in self._ended

    def holder(self, sha256: str, now: float) -> Holder | None:
        """Return who a living session stands for, and note its use."""
        made = self._made.get(sha256)
        if made is None or not made.lives(now):
            return None
        self._made[sha256] = replace(made, seen=now)
        return Holder(made.caller, Lifetime(made.expires), now)

    async def write(self, connection: Connection, now: float) -> None:
        """Put into the database what it lacks, and forget what an earlier time has put there, or has ended by itself.

        Sessions may come and go meanwhile.
        """
        for sha256, made in list(self._made.items()):
            if not made.lives(now) or await records.has_session(connection, sha256):
                self._made.pop(sha256, None)
            else:
                await records.add_session(connection, sha256, made.caller, made.created, made.expires)
                await records.touch(connection, sha256, max(made.created, made.seen))
        for sha256 in list(self._ended):
            if not await records.drop_session(connection, sha256):
                self._ended.pop(sha256, None)
