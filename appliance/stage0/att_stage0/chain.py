"""What ties a line of the audit log to all that stands before it. Pure, and the same for who writes and who verifies.

The log is one stream of bytes over all its files. A line is chained when it carries `previous`: the SHA-256 of what
stands from the beginning of the last chained line before it up to itself. As a rule that is the one line before, its
line break included; a line that a power cut tore, or that a release without the chain wrote, is taken in with it.
"""

import hashlib
import json
import re

PREVIOUS = "previous"
SPAN_BYTES_MAX = 1 << 20
"""How far back one line reaches at most: of a longer run of lines without the chain its end is covered."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def link_of(line: bytes) -> str | None:
    """Return the digest that a whole line carries, None where it is torn or not chained."""
    if not line.endswith(b"\n") or len(line) > SPAN_BYTES_MAX:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    link = found.get(PREVIOUS) if isinstance(found, dict) else None
    return link if isinstance(link, str) and _SHA256.match(link) else None


def digest(span: bytes | bytearray) -> str:
    """Return what a line that follows `span` carries."""
    return hashlib.sha256(span[-SPAN_BYTES_MAX:]).hexdigest()


def last_chained(tail: bytes) -> int:
    """Return where in `tail`, the end of a log, its last chained line begins; 0 when all of it comes after one."""
    end = len(tail)
    while end > 0:
        begin = tail.rfind(b"\n", 0, end - 1) + 1
        if begin and link_of(tail[begin:end]):
            return begin
        end = begin
    return 0
