"""The API tokens that this process has looked up: an agent calls often, and its token hardly ever changes."""

from att.identity.records import Holder

TOKENS_MAX = 1_000


class KnownTokens:
    """Holders by the hash of their token; all are forgotten when any token changes.

    It stands for the database only because no other process changes a token that is there while this one runs: what is
    done offline adds tokens, and an upgrade restarts the service.
    """

    def __init__(self, tokens_max: int = TOKENS_MAX) -> None:
        self._tokens_max = tokens_max
        self._holders: dict[str, Holder] = {}
        self.changes = 0
        """How often tokens have changed."""

    def get(self, sha256: str) -> Holder | None:
        """Return the holder, None when it has to be looked up."""
        return self._holders.get(sha256)

    def put(self, sha256: str, holder: Holder, changes: int) -> None:
        """Remember what was looked up when there had been `changes`: nothing, if a token has changed since."""
        if changes != self.changes:
            return
        if len(self._holders) >= self._tokens_max:
            del self._holders[next(iter(self._holders))]
        self._holders[sha256] = holder

    def forget(self) -> None:
        """A token has changed: look all of them up again."""
        self.changes += 1
        self._holders.clear()
