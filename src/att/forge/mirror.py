"""Fetches from and pushes to other hosts' repositories, with git in the bare repository: no code of a user is near.

A secret reaches git through an inherited pipe; it is in no argument, no address, no file.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from att.forge import process as git
from att.forge.bare import Bare
from att.forge.process import Finished
from att.kernel.errors import AttError, Conflict, Forbidden, InvalidInput, TooLarge, Unavailable
from att.projects.ports import Login

SECONDS_MAX = 1_800.0
URL_CHARS_MAX = 2_000
SCHEMES = ("https", "http")
_HEAD = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.MULTILINE)
_UNREACHABLE = (
    "Could not resolve host",
    "Failed to connect",
    "Couldn't connect",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "Network is unreachable",
    "Operation timed out",
    "Operation too slow",
    "Empty reply from server",
    "early EOF",
    "unexpected disconnect",
    "The requested URL returned error: 5",
)
_REFUSED = (
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "The requested URL returned error: 401",
    "The requested URL returned error: 403",
)
_ABSENT = ("does not exist", "not found", "does not appear to be a git repository", "not a git repository")
_TOO_LARGE = ("File size limit exceeded", "signal 25", "exceeds maximum allowed size")


class Mirror:
    """What one bare repository has to do with another host; `files` allows file: addresses, in development."""

    def __init__(self, bare: Bare, *, files: bool) -> None:
        self._bare = bare
        self._schemes = (*SCHEMES, "file") if files else SCHEMES

    async def default_branch(self, url: str, login: Login | None) -> str | None:
        """Return the branch that the other repository's HEAD names; None when it is empty. Raises as `fetch`."""
        finished = await self._git(url, login, "read", "ls-remote", "--symref", "--", url, "HEAD")
        found = _HEAD.search(finished.text)
        return found[1] if found else None

    async def fetch(self, url: str, login: Login | None, refspecs: Sequence[str]) -> None:
        """Fetch refs.

        Raises InvalidInput(url_refused), Forbidden(clone_refused), Unavailable(clone_unreachable),
        TooLarge(clone_too_large), Conflict(git_failed).
        """
        options = ("--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules")
        await self._git(url, login, "fetch from", "fetch", *options, "--", url, *refspecs)

    async def push(self, url: str, login: Login | None, refspec: str) -> None:
        """Push one ref. Raises as `fetch`, and Conflict(push_rejected)."""
        await self._git(url, login, "push to", "push", "--porcelain", "--no-signed", "--", url, refspec)

    async def _git(self, url: str, login: Login | None, what: str, *arguments: str) -> Finished:
        check_url(url, self._schemes)
        allowed = [f"protocol.{scheme}.allow=always" for scheme in self._schemes]
        settings = [*allowed, "http.lowSpeedLimit=1000", "http.lowSpeedTime=60", "credential.helper="]
        with _secret(login) as (helper, descriptors):
            finished = await git.run(
                self._bare.folder, *arguments,
                seconds=SECONDS_MAX, settings=[*settings, *helper], pass_fds=descriptors,
            )  # fmt: skip
        if finished.code != 0:
            raise _explained(url, what, finished)
        return finished


def check_url(url: str, schemes: Sequence[str]) -> None:
    """Raise InvalidInput(url_refused) for an address that git must not be given."""
    try:
        parts = urlsplit(url)
        secret = parts.username or parts.password
    except ValueError as error:
        raise _refused_url(str(error)) from error
    if parts.scheme not in schemes:
        raise _refused_url(f"only {', '.join(schemes)} are taken")
    if secret:
        raise _refused_url("it has a login in it")
    if len(url) > URL_CHARS_MAX or not url.isprintable() or " " in url:
        raise _refused_url("it is too long, or has characters that no address has")
    if parts.scheme != "file" and not parts.hostname:
        raise _refused_url("it names no host")


def _refused_url(why: str) -> InvalidInput:
    return InvalidInput("url_refused", f"cannot use the address: {why}")


@contextmanager
def _secret(login: Login | None) -> Iterator[tuple[list[str], list[int]]]:
    """Give settings and descriptors with which git reads the login once, from a pipe."""
    if login is None:
        yield [], []
        return
    reader, writer = os.pipe()
    try:
        text = "".join(
            f"{key}={_one_line(value)}\n" for key, value in (("username", login.username), ("password", login.secret))
        )
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(text.encode())
        helper = f'credential.helper=!f() {{ test "$1" = get && cat /dev/fd/{reader}; }}; f'
        yield [helper], [reader]
    finally:
        os.close(reader)


def _one_line(value: str) -> str:
    if not value.isprintable() or len(value) > URL_CHARS_MAX:
        raise InvalidInput("invalid_input", "cannot use the login: it has control characters, or is too long")
    return value


def _explained(url: str, what: str, finished: Finished) -> AttError:
    host, told = urlsplit(url).hostname or "the file", finished.errors + finished.text
    if any(sign in told for sign in _REFUSED):
        return Forbidden("clone_refused", f"cannot {what} {host}: it wants another login")
    if any(sign in told for sign in _UNREACHABLE):
        return Unavailable("clone_unreachable", f"cannot {what} {host}: {finished.reason[:300]}")
    if any(sign in told for sign in _TOO_LARGE):
        return TooLarge("clone_too_large", f"cannot {what} {host}: the repository is too large")
    if any(sign in told for sign in _ABSENT):
        return InvalidInput("url_refused", f"cannot {what} {host}: there is no such repository")
    if "[rejected]" in told or "[remote rejected]" in told:
        lines = [line for line in told.splitlines() if "rejected]" in line]
        return Conflict("push_rejected", f"cannot {what} {host}: {' '.join(lines[0].split())[:300]}")
    return Conflict("git_failed", f"cannot {what} {host}: {finished.reason[:300]}")
