"""What crosses the wire and the room's wall: tokens, sign-ins, roles by name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from att.kernel.operation import Caller, Role

RoleName = Literal["viewer", "developer", "operator", "admin"]
TokenKind = Literal["person", "agent"]

ROLES: dict[RoleName, Role] = {
    "viewer": Role.VIEWER,
    "developer": Role.DEVELOPER,
    "operator": Role.OPERATOR,
    "admin": Role.ADMIN,
}
ROLE_NAMES: dict[Role, RoleName] = {role: name for name, role in ROLES.items()}

COOKIE = "att_session"
TOKEN_NAME_CHARS_MAX = 64
TOKEN_DAYS = 90
TOKEN_DAYS_MAX = 3650


class Strict(BaseModel):
    """A request that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid")


class TokenCreate(Strict):
    """A new API token: no more than its creator may, no longer than its creator's own token."""

    name: str = Field(min_length=1, max_length=TOKEN_NAME_CHARS_MAX, description="what it is for; shown in lists")
    role: RoleName = Field(default="viewer", description="what it may do, at most the role of its creator")
    kind: TokenKind = Field(default="person", description="whether a person or an agent will use it")
    expires_days: int | None = Field(
        default=None,
        ge=1,
        le=TOKEN_DAYS_MAX,
        description=f"days until it expires; {TOKEN_DAYS} when not given, or as long as the creator's own token",
    )


class Token(BaseModel):
    """An API token without its secret."""

    id: str
    name: str
    role: RoleName
    kind: TokenKind
    owner: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class TokenCreated(Token):
    """The only answer that ever carries the secret."""

    token: str


class TokenList(Strict):
    """Which tokens to list."""

    all: bool = Field(default=False, description="also those that are revoked or expired")


class TokenPage(BaseModel):
    """The tokens of the caller; an admin sees everybody's."""

    tokens: list[Token]


class TokenRevoke(Strict):
    """Which token to revoke."""

    token_id: str = Field(description="the id of the token, from `token list`")


class SessionsPurge(Strict):
    """Nothing to say."""


class SessionsPurged(BaseModel):
    """Everybody is signed out; API tokens go on to be good."""

    ended: int = Field(description="how many sessions there were, the caller's own among them")


@dataclass(frozen=True)
class SignedIn:
    """A fresh session: `secret` goes into the cookie `att_session` and nowhere else.

    It ends at `expires`, in Unix seconds, and `seconds` from when it was made.
    """

    secret: str
    expires: float
    seconds: float
    caller: Caller
