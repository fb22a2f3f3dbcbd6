"""Serves the web console's built files: hashed assets for ever, the page itself never from a cache.

Assets are looked for in every retained release: a page that was opened before an upgrade still finds its own.
"""

import mimetypes
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

ASSETS = "assets"
PAGE = "index.html"
IMMUTABLE = "public, max-age=31536000, immutable"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
RESERVED = ("api", "mcp", "v1", "git", "apps", "metrics", "healthz", "readyz", "state_health")
"""First path segments that are never a page of the console."""
_SEGMENT = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ATT</title></head>
<body><main><h1>ATT is running</h1>
<p>The web console is not part of this release. In a checkout <code>make console</code> builds it.</p>
<p>The API answers under <code>/api/v1</code>, agents connect to <code>/mcp</code>.</p></main></body></html>
"""

Roots = Callable[[], Iterator[Path]]
"""The console directories to look through, the running release's first."""


def console_roots(own: Path, releases: Path) -> Roots:
    """Return the running release's console directory and those of all other installed releases."""

    def roots() -> Iterator[Path]:
        yield own
        yield from sorted(releases.glob("*/console"), reverse=True)

    return roots


class Console:
    """The ASGI application for whatever no other route takes; `otherwise` answers what is no page either."""

    def __init__(self, roots: Roots, otherwise: ASGIApp) -> None:
        self._roots = roots
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, the page, or what `otherwise` says."""
        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        await (answer or self._otherwise)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        if request.method not in ("GET", "HEAD"):
            return None
        segments = [segment for segment in request.url.path.split("/") if segment]
        if segments and segments[0] in RESERVED:
            return None
        if not all(_SEGMENT.match(segment) for segment in segments):
            return None
        file = self._file(segments)
        if file is not None:
            return _file_answer(file, immutable=segments[0] == ASSETS)
        is_page = not segments or segments == [PAGE] or (segments[0] != ASSETS and "." not in segments[-1])
        return self._page() if is_page else None

    def _file(self, segments: list[str]) -> Path | None:
        if not segments or segments == [PAGE]:
            return None
        for root in self._roots():
            file = root.joinpath(*segments)
            if file.is_file() and file.resolve().is_relative_to(root.resolve()):
                return file
            if segments[0] != ASSETS:
                return None
        return None

    def _page(self) -> Response:
        index = next(self._roots()) / PAGE
        text = index.read_text(encoding="utf-8") if index.is_file() else _NOT_BUILT
        return HTMLResponse(text, headers=_PAGE_HEADERS)


_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


def _file_answer(file: Path, *, immutable: bool) -> Response:
    media, _ = mimetypes.guess_type(file.name)
    if file.suffix in (".js", ".mjs"):
        media = "text/javascript"
    cache = IMMUTABLE if immutable else "no-cache"
    return FileResponse(file, media_type=media or "application/octet-stream", headers={"Cache-Control": cache})
