"""Which headers pass between people and apps: pure. Nothing of ATT's reaches an app, and an app sets nothing of ATT's.

Apps answer under ATT's own origin, so their documents are put into a sandbox: their scripts run, and may not act as the
person who is signed in.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from att.identity.schema import COOKIE

Header = tuple[bytes, bytes]

SANDBOX = b"sandbox allow-scripts allow-forms allow-popups allow-downloads allow-modals"
_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_OURS_SENT = {b"authorization", b"cookie", b"expect", b"x-confirmation-id", b"x-forwarded-prefix"}
_OURS_ANSWERED = {
    b"clear-site-data",
    b"date",
    b"location",
    b"server",
    b"service-worker-allowed",
    b"set-cookie",
    b"strict-transport-security",
    b"x-request-id",
}
_ATTRIBUTES_KEPT = {"expires", "max-age", "secure"}


def to_app(headers: Iterable[Header], *, prefix: str, request_id: str) -> list[Header]:
    """Return the headers that an app gets of a request."""
    given = list(headers)
    left_out = _HOP | _OURS_SENT | _named_by_connection(given)
    passed = [(name, value) for name, value in given if name.lower() not in left_out]
    cookies = _foreign_cookies(value for name, value in given if name.lower() == b"cookie")
    if cookies:
        passed.append((b"cookie", cookies))
    return [*passed, (b"x-forwarded-prefix", prefix.encode()), (b"x-request-id", request_id.encode())]


def from_app(headers: Iterable[Header], *, prefix: str, host: str) -> list[Header]:
    """Return the headers that a caller gets of an app's answer."""
    given = list(headers)
    left_out = _HOP | _OURS_ANSWERED | _named_by_connection(given)
    passed = [
        (name, value)
        for name, value in given
        if name.lower() not in left_out and not name.lower().startswith(b"access-control-")
    ]
    for name, value in given:
        if name.lower() == b"location":
            passed.append((b"location", below(value.decode("latin-1"), prefix, host).encode("latin-1")))
        elif name.lower() == b"set-cookie":
            passed += [(b"set-cookie", cookie) for cookie in _cookie(value, prefix)]
    return [*passed, (b"content-security-policy", SANDBOX), (b"x-accel-buffering", b"no")]


def below(location: str, prefix: str, host: str) -> str:
    """Return a redirect of an app as it is seen from outside: its own paths lie below `prefix`."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return location
    own = (not parts.netloc and location.startswith("/")) or parts.netloc.lower() == host.lower() != ""
    if not own or location.startswith("//") or parts.path.startswith(prefix + "/"):
        return location
    return prefix + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _named_by_connection(headers: Iterable[Header]) -> set[bytes]:
    """Return what a Connection header says belongs to this hop alone."""
    named = (value for name, value in headers if name.lower() == b"connection")
    return {token.strip().lower() for value in named for token in value.split(b",")}


def _foreign_cookies(values: Iterable[bytes]) -> bytes:
    pairs = (pair.strip() for value in values for pair in value.split(b";"))
    return b"; ".join(
        pair for pair in pairs if pair and not _is_ours(pair.partition(b"=")[0].strip().decode("latin-1"))
    )


def _cookie(value: bytes, prefix: str) -> Iterator[bytes]:
    """Yield an app's cookie, confined to the app's own paths; none for a name that is ATT's or means more."""
    pair, *attributes = value.decode("latin-1").split(";")
    name = pair.partition("=")[0].strip()
    if not name or _is_ours(name) or name.startswith("__"):
        return
    kept = [one.strip() for one in attributes if one.strip().partition("=")[0].lower() in _ATTRIBUTES_KEPT]
    yield "; ".join([pair.strip(), f"Path={prefix}/", "HttpOnly", "SameSite=Strict", *kept]).encode("latin-1")


def _is_ours(name: str) -> bool:
    return name.lower() == COOKIE
