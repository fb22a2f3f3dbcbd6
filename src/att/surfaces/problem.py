"""The only place that turns an error into what a caller sees: problem+json (RFC 9457) and its two lines of text."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from att.kernel.errors import AttError, Failed, InvalidInput

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:att:error:"
_ERRORS_MAX = 20


class Problem(BaseModel):
    """What went wrong, why, and what helps."""

    type: str = Field(description="`urn:att:error:` and the code.", examples=["urn:att:error:not_found"])
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="The sentence for people: cannot X: Y.")
    code: str = Field(description="Stable code; `attctl explain CODE` says more.")
    hint: str = Field(description="What helps.")
    field: str | None = Field(default=None, description="Dotted path of the offending input.")
    request_id: str = Field(description="Logs, events and audit carry the same id.")
    data: dict[str, Any] = Field(default_factory=dict, description="More for machines, by code.")


class Malformed(InvalidInput):
    """The body cannot be read at all, before any field is looked at."""

    status = 400


class MethodNotAllowed(InvalidInput):
    """The path exists, with other methods."""

    status = 405


class BadGateway(Failed):
    """An app behind ATT's proxy failed, not ATT."""

    status = 502


class UnsupportedMedia(InvalidInput):
    """The body is of a media type that this route does not take."""

    status = 415


def problem(error: AttError, request_id: str) -> Problem:
    """Return the document for `error`."""
    return Problem(
        type=TYPE_PREFIX + error.code,
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        code=error.code,
        hint=error.hint,
        field=error.field,
        request_id=request_id,
        data=error.data,
    )


def document(error: AttError, request_id: str) -> dict[str, Any]:
    """Return `problem` as JSON values, absent members left out."""
    return problem(error, request_id).model_dump(mode="json", exclude_none=True)


def invalid(error: ValidationError) -> InvalidInput:
    """Return the error for input that its model refuses: the first offence as sentence and field, all in `data`."""
    offences = [(_path(entry["loc"]), entry["msg"]) for entry in error.errors(include_url=False, include_input=False)]
    field, message = offences[0]
    return InvalidInput(
        "invalid_input",
        f"cannot take {field or 'the input'}: {message[:1].lower()}{message[1:]}",
        field=field or None,
        data={"errors": [{"field": at, "detail": text} for at, text in offences[:_ERRORS_MAX]]},
    )


def unexpected() -> Failed:
    """Return what a caller learns of a fault nobody foresaw: its request id, nothing of the inside."""
    return Failed("internal", "cannot finish the request: ATT made a mistake")


def text(found: Problem) -> str:
    """Return the lines for a terminal or a language model: what, where, and the hint."""
    where = f" [{found.field}]" if found.field else ""
    return f"{found.detail}{where} ({found.code})\nhint: {found.hint}"


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
