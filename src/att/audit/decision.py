"""What of a request may stand in the audit table: no secret, and no more than a few hundred bytes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

REDACTED = "[redacted]"
TEXT_CHARS_MAX = 256
ITEMS_MAX = 20
DEPTH_MAX = 4

_ANYWHERE = re.compile(r"password|passwd|passphrase|secret|credential|authorization|cookie|private")
_LAST_WORDS = frozenset({"key", "keys", "token", "tokens", "pem"})
_WORDS = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKEN = re.compile(r"\b(?:atts?_[A-Za-z0-9_-]{43}|att1\.[A-Za-z0-9_.-]+|sk-[A-Za-z0-9_-]{16,})")


def is_secret_name(name: str) -> bool:
    """Whether a field of that name holds a secret: `api_key` and `passwordHash` do, `token_id` does not."""
    words = [word for word in _WORDS.split(_CAMEL.sub("_", name).lower()) if word]
    return bool(words) and (words[-1] in _LAST_WORDS or _ANYWHERE.search("_".join(words)) is not None)


def summary(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as JSON without secrets, contents, long lists and depth."""
    return {
        str(name)[:TEXT_CHARS_MAX]: REDACTED if is_secret_name(str(name)) and value is not None else _safe(value, 1)
        for name, value in list(values.items())[:ITEMS_MAX]
    }


def _safe(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _text(value)
        case Mapping() | Sequence() if depth >= DEPTH_MAX:
            return "…"
        case Mapping():
            return {
                str(name)[:TEXT_CHARS_MAX]: REDACTED if is_secret_name(str(name)) else _safe(inner, depth + 1)
                for name, inner in list(value.items())[:ITEMS_MAX]
            }
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case Sequence():
            return [_safe(inner, depth + 1) for inner in list(value)[:ITEMS_MAX]]
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    if len(value) > TEXT_CHARS_MAX or "\n" in value:  # the content of a file, a message: that it was given is enough
        return f"[{len(value)} characters]"
    return _TOKEN.sub(REDACTED, value)
