"""Who may do what with which credential: values in, verdict out, no clock and no database."""

import re
from dataclasses import dataclass

from att.identity.schema import TOKEN_DAYS, TOKEN_DAYS_MAX
from att.kernel.errors import AttError, Forbidden, InvalidInput
from att.kernel.operation import Caller, Role

PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 1024
SESSION_IDLE_SECONDS = 12 * 3600.0
SESSION_SECONDS_MAX = 7 * 86_400.0
TOUCH_SECONDS = 60.0
_DAY_SECONDS = 86_400.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Lifetime:
    """When a credential ends; seconds since 1970, None for never."""

    expires: float | None
    revoked: float | None = None

    def lives(self, now: float) -> bool:
        """Whether it is good at `now`."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def account_problem(name: str, password: str) -> AttError | None:
    """Return what is wrong with the name and password of a new account."""
    if not _NAME.fullmatch(name):
        return InvalidInput(
            "invalid_input",
            "cannot make the account: a name has 1 to 64 letters, digits and . _ @ -, a letter or digit first",
            field="name",
        )
    if len(password) < PASSWORD_CHARS_MIN:
        return InvalidInput(
            "password_weak", f"cannot make the account: {PASSWORD_CHARS_MIN} characters or more", field="password"
        )
    if len(password) > PASSWORD_CHARS_MAX:
        return InvalidInput(
            "invalid_input", f"cannot make the account: more than {PASSWORD_CHARS_MAX} characters", field="password"
        )
    if password.casefold() == name.casefold() or len(set(password)) == 1:
        return InvalidInput("password_weak", "cannot make the account: too easy to guess", field="password")
    return None


def session_lives(now: float, *, last_seen: float, expires: float) -> bool:
    """Whether a session is good at `now`: used within 12 hours, and made within 7 days.

    One that was last used in a far future was so by a clock that went wrong, and would live for years.
    """
    return now < expires and abs(now - last_seen) <= SESSION_IDLE_SECONDS


def session_expires(now: float, *, token_expires: float | None) -> float:
    """Return when a session made at `now` ends; one made with a token ends with it."""
    latest = now + SESSION_SECONDS_MAX
    return latest if token_expires is None else min(latest, token_expires)


def worth_touching(now: float, last: float | None) -> bool:
    """Whether the time of last use is old enough to be written again."""
    return last is None or now - last >= TOUCH_SECONDS


def grant_expires(now: float, days: int | None, own: Lifetime | None) -> float:
    """Return when a new token ends: after `days`; when none were asked for, no later than the creator's own token."""
    if days is not None:
        return now + days * _DAY_SECONDS
    latest = now + TOKEN_DAYS * _DAY_SECONDS
    return latest if own is None or own.expires is None else min(latest, own.expires)


def grant_problem(
    caller: Caller, own: Lifetime | None, *, role: Role, kind: str, expires: float, now: float
) -> AttError | None:
    """Return why `caller` may not make such a token; `own` is the life of the token that the caller came with."""
    if role > caller.role:
        return Forbidden("not_allowed", f"cannot make a token of role {role.name.lower()}: more than your own")
    if kind == "person" and caller.kind != "person":
        return Forbidden("people_only", "cannot make a token for a person: an agent asks")
    if own is not None and own.expires is not None and expires > own.expires:
        days = max(0, int((own.expires - now) // _DAY_SECONDS))
        return Forbidden(
            "not_allowed",
            f"cannot make a token that outlives your own, which has {min(days, TOKEN_DAYS_MAX)} days left",
        )
    return None


def may_manage(caller: Caller, *, owner: str, token_id: str) -> bool:
    """Whether a token is the caller's to see and revoke: an admin's all, else one's own and those one made."""
    return caller.role >= Role.ADMIN or owner == caller.id or token_id == caller.token_id
