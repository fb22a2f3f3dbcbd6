"""Secrets that show by their form: PEM blocks, JWTs, headers, credentials in URLs, tokens of ATT and of others. Pure.

Sources: RFC 7468 (PEM), RFC 7519 (JWT), RFC 9110 §11 and RFC 6265 (headers), RFC 3986 §3.2.1 (user information),
crypt(5) (password hashes), and the published prefixes of providers' tokens.
"""

import re
from collections.abc import Iterator

from att.diagnostics.named import named
from att.diagnostics.spans import Kind, Span, only_placeholders

_PUBLIC = r"(?:CERTIFICATE|X509 CRL|(?:[A-Z0-9]+ )?PUBLIC KEY|CERTIFICATE REQUEST)"
_PEM = re.compile(
    rf"-----BEGIN (?!{_PUBLIC}-----)([A-Z0-9 ]{{1,40}})-----(?:.{{0,20000}}?-----END \1-----)?", re.DOTALL
)
_BODY = r"[A-Za-z0-9+/=]"
_PEM_BODY_BELOW = re.compile(rf"(?:\\[nr]|\s|{_BODY}{{20,}}|[A-Z][\w-]+: [^\n]{{1,100}}\n|{_BODY}+(?=\s|\Z))*")
_PEM_BODY_ABOVE = re.compile(
    rf"((?:{_BODY}{{16,76}}(?:\\n|\s)+){{1,400}}(?:{_BODY}+(?:\\n|\s)+)?)-----END (?!{_PUBLIC}-----)"
)
_HEADER = re.compile(r"(?i)(?:authorization|cookie2?)(\\*[\"'`])?")
_HEADER_BEFORE = re.compile(r"(?i)(\\*[\"'`])?(?:proxy-|set-)?\Z")
_HEADER_SEPARATOR = re.compile(r"[ \t]*(?:=>|[:=]|,(?=[ \t]*b?\\*[\"'`]))[ \t]*(?:b?(\\*[\"'`]))?")
_AUTHORITY = re.compile(r":(?:\\*/){2}|%3[aA]%2[fF]%2[fF]")
_USER = re.compile(r"([^\s\"'<>/?#]{1,1024}|[^\s\"'<>/:]{0,256}:[^\s\"'<>@]{1,256})(?:@|%40)(?=[\w\[%.-])")
_PORT_AND_PATH = re.compile(r"[\w.\-\[\]:]*(?::\d+)?[/?#]")
_PUBLIC_USERS = frozenset({"git"})

_TELLING: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("jwt", re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*){0,3}")),
    ("token", re.compile(r"atts?_(?=[A-Za-z0-9_-]*[A-Z0-9])[A-Za-z0-9_-]{40,}")),
    ("token", re.compile(r"att1\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")),
    ("token", re.compile(r"(?i:\bbearer)[ \t]+(?=[^\s\"']*[0-9A-Z])(?!\[redacted:)([A-Za-z0-9._~+/=-]{8,})")),
    (
        "token",
        re.compile(
            r"(?:\bsk-|\b[sr]k_(?:live|test)_|nvapi-|gh[opusr]_|github_pat_|glpat-|xox[abeoprs]-|\bhf_|\bnpm_|pypi-)"
            r"[A-Za-z0-9_-]{16,}|\bA(?:KIA|SIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{20,}"
        ),
    ),
    ("token", re.compile(r"\$(?:argon2(?:id|i|d)|2[abxy]|[156y]|gy|7|scrypt)\$[A-Za-z0-9./$,=+-]{8,}")),
)


def patterns(text: str) -> Iterator[Span]:
    """Yield all that a pattern finds, by name too; places where placeholders stand already are left out."""
    for one in (_pem, _headers, _urls, _telling, named):
        yield from one(text)


def _pem(text: str) -> Iterator[Span]:
    for found in _PEM.finditer(text):
        whole = found[0].endswith(f"-----END {found[1]}-----")
        below = None if whole else _PEM_BODY_BELOW.match(text, found.end(), found.end() + 20_000)
        yield Span(found.start(), below.end() if below else found.end(), "pem")
    if "-----END " in text:
        for found in _PEM_BODY_ABOVE.finditer(text):
            yield Span(found.start(1), found.end(1), "pem")


def _headers(text: str) -> Iterator[Span]:
    for found in _HEADER.finditer(text):
        separator = _HEADER_SEPARATOR.match(text, found.end())
        if not separator:
            continue
        start = separator.end()
        before = _HEADER_BEFORE.search(text, max(0, found.start() - 16), found.start())
        # The quote around the value, or the one around the whole header, ends it.
        mark = separator[1] or (before[1] if before and not found[1] else None)
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        closing = re.compile(rf"(?<!\\){re.escape(mark)}").search(text, start, line_end) if mark else None
        end = closing.start() if closing else line_end
        value = text[start:end].rstrip()
        if value and not only_placeholders(value):
            yield Span(start, start + len(value), "header")


def _urls(text: str) -> Iterator[Span]:
    for begun in _AUTHORITY.finditer(text):
        found = _USER.match(text, begun.end())
        # `https://host:80/a@b` and `https://host/@b` name nobody.
        if not found or _PORT_AND_PATH.match(found[1]) or found[1] in _PUBLIC_USERS or only_placeholders(found[1]):
            continue
        yield Span(*found.span(1), "url")


def _telling(text: str) -> Iterator[Span]:
    for kind, pattern in _TELLING:
        for found in pattern.finditer(text):
            yield Span(*found.span(pattern.groups), kind)
