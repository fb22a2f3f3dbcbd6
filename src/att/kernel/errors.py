"""The one tree of errors: stable code, "cannot …: …" message, hint, HTTP status, exit code.

    AttError
    ├── InvalidInput      422  2   the caller's input is wrong; `field` names where
    ├── NotSignedIn       401  4
    ├── Forbidden         403  4
    ├── NotFound          404  4
    ├── Conflict          409  4
    ├── Refused           409  4   a rule says no (a policy, a floor, a gate)
    ├── ConfirmationRequired 409 4 a destroy operation without its confirmation id
    ├── TooLarge          413  4
    ├── TooMany           429  4   a rate limit; `retry_after_seconds`
    ├── Unavailable       503  4   try again later; `retry_after_seconds`
    └── Failed            500  4   ATT's own fault or the machine's

Each raise names its own stable code from `CODES`; `att.surfaces.problem` alone turns an error into wire formats.
"""

from collections.abc import Mapping

from att.kernel.codes import CODES


class AttError(Exception):
    """Base of everything ATT raises on purpose.

    `code` must be a key of `CODES`; `detail` is the sentence for people ("cannot X: Y"); `hint` overrides the
    code's own; `field` is the dotted path of the offending input; `data` is extra JSON for machines.
    """

    status = 500
    exit_code = 4

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        field: str | None = None,
        retry_after_seconds: int | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint if hint is not None else CODES[code]
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.data = dict(data or {})


class InvalidInput(AttError):
    """The caller's input is wrong; `field` names where."""

    status = 422
    exit_code = 2


class NotSignedIn(AttError):
    """No token, or one that is not valid."""

    status = 401


class Forbidden(AttError):
    """The caller is known and may not."""

    status = 403


class NotFound(AttError):
    """Nothing there by that name."""

    status = 404


class Conflict(AttError):
    """The present state forbids it: taken, running, changed meanwhile."""

    status = 409


class Refused(AttError):
    """A rule says no: a policy, a floor, a gate, a signature."""

    status = 409


class ConfirmationRequired(AttError):
    """A destroy operation was called without its confirmation id, which `data["confirmation_id"]` carries."""

    status = 409


class TooLarge(AttError):
    """A limit of size was passed."""

    status = 413


class TooMany(AttError):
    """A rate limit was passed."""

    status = 429


class Unavailable(AttError):
    """It cannot be done now and may be later."""

    status = 503


class Failed(AttError):
    """ATT's own fault or the machine's."""
