"""Claims, signs in and out, authenticates, and manages API tokens."""

import time
from collections.abc import Callable
from pathlib import Path

from att.events.service import Events
from att.identity.schema import SignedIn, Token, TokenCreate, TokenCreated, TokenPage
from att.kernel.operation import Caller
from att.store.service import Store


class Identity:
    """Who calls. `keys` is the directory of local.pub, gate.pub and claim.sha256, read at each use."""

    def __init__(self, store: Store, events: Events, keys: Path, *, clock: Callable[[], float] = time.time) -> None:
        raise NotImplementedError

    async def claimed(self) -> bool:
        """Whether the first admin exists."""
        raise NotImplementedError

    async def claim(self, code: str, name: str, password: str, *, peer: str) -> SignedIn:
        """Make the first admin and sign it in, once for ever.

        Raises Conflict(already_claimed), Forbidden(claim_code_wrong), InvalidInput(password_weak, invalid_input),
        TooMany(rate_limited: ten tries a minute for each peer and for all together).
        """
        raise NotImplementedError

    async def sign_in(
        self, *, name: str | None = None, password: str | None = None, token: str | None = None, peer: str
    ) -> SignedIn:
        """Exchange a name and password, or an API token, for a session.

        Raises NotSignedIn(sign_in_wrong) whatever was wrong, TooMany(rate_limited).
        """
        raise NotImplementedError

    async def sign_out(self, cookie: str) -> None:
        """End the session of that cookie; one that is none is ignored."""
        raise NotImplementedError

    async def authenticate(self, *, bearer: str | None = None, cookie: str | None = None) -> Caller:
        """Return who calls, or raise NotSignedIn(not_signed_in). Never writes in a way that can fail a request.

        `bearer` wins over `cookie`. The health gate's token gives a Caller of kind `gate` with Role.ANYONE: it may
        use the canary and health routes only.
        """
        raise NotImplementedError

    async def create_token(self, caller: Caller, request: TokenCreate) -> TokenCreated:
        """Make a token; the secret is in this answer and nowhere else. Raises Forbidden(not_allowed|people_only)."""
        raise NotImplementedError

    async def list_tokens(self, caller: Caller, *, all_states: bool = False) -> TokenPage:
        """Return the caller's tokens, for an admin everybody's; newest first."""
        raise NotImplementedError

    async def revoke_token(self, caller: Caller, token_id: str) -> Token:
        """Revoke a token and its sessions at once. Raises NotFound(token_unknown) for what the caller may not see."""
        raise NotImplementedError

    async def ensure_admin(self, name: str, secret: str) -> None:
        """For `make dev`: the database is claimed by user `name`, and `secret` is an admin token. Idempotent."""
        raise NotImplementedError
