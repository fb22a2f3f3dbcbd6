"""An error as it crosses from one of ATT's processes to another, and back into the tree."""

from typing import Any

from att.kernel.codes import CODES
from att.kernel.errors import (
    AttError,
    Conflict,
    Failed,
    Forbidden,
    InvalidInput,
    NotFound,
    Refused,
    TooLarge,
    TooMany,
    Unavailable,
)

_KINDS: dict[str, type[AttError]] = {
    kind.__name__: kind
    for kind in (Conflict, Failed, Forbidden, InvalidInput, NotFound, Refused, TooLarge, TooMany, Unavailable)
}


def error_object(error: AttError) -> dict[str, Any]:
    """Return the error as JSON carries it."""
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "detail": error.detail,
        "hint": error.hint,
        "field": error.field,
        "retry_after_seconds": error.retry_after_seconds,
        "data": error.data,
    }


def error_from(found: object, whose: str) -> AttError:
    """Rebuild the error; one that this code does not know becomes Failed(internal). `whose` names the other side."""
    told = found if isinstance(found, dict) else {}
    code, detail = str(told.get("code", "internal")), str(told.get("detail", f"{whose} failed"))
    hint, data, retry = told.get("hint"), told.get("data"), told.get("retry_after_seconds")
    return _KINDS.get(str(told.get("kind")), Failed)(
        code if code in CODES else "internal",
        detail,
        hint=hint if isinstance(hint, str) else None,
        field=told["field"] if isinstance(told.get("field"), str) else None,
        retry_after_seconds=retry if isinstance(retry, int) else None,
        data=data if isinstance(data, dict) else None,
    )
