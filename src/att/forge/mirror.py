"""Fetches from and pushes to other hosts' repositories: by a task in the sandbox, which has the way out.

A repository at a file: address is another folder of this machine; git in the bare repository reads and writes that.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from att.forge import process as git
from att.forge.bare import Bare
from att.forge.process import Finished
from att.forge.transfers import Transfers
from att.kernel.errors import AttError, Conflict, Forbidden, InvalidInput, TooLarge, Unavailable
from att.projects.ports import Login
from att.workspace.place import Place
from att.workspace.transfer import Result

SECONDS_MAX = 1_800.0
URL_CHARS_MAX = 2_000
SCHEMES = ("https",)
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
    "CONNECT tunnel failed",
    "from proxy after CONNECT",
)
_DENIED = ("CONNECT tunnel failed, response 403", "Received HTTP code 403 from proxy after CONNECT")
_REFUSED = (
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "The requested URL returned error: 401",
    "The requested URL returned error: 403",
)
_UNTRUSTED = ("certificate verification failed", "SSL certificate problem", "unable to get local issuer")
_ABSENT = ("does not exist", "not found", "does not appear to be a git repository", "not a git repository")
_TOO_LARGE = ("File size limit exceeded", "signal 25", "exceeds maximum allowed size")


class Mirror:
    """What one bare repository has to do with another; `files` allows file: addresses, in development."""

    def __init__(self, bare: Bare, place: Place, transfers: Transfers, *, files: bool) -> None:
        self._bare = bare
        self._place = place
        self._transfers = transfers
        self._schemes = (*SCHEMES, "file") if files else SCHEMES

    async def fetch(self, url: str, login: Login | None, refspecs: Sequence[str], into: tuple[str, ...]) -> str | None:
        """Fetch refs, those alone that begin with `into`; return the branch that the other HEAD names, if any.

        Raises InvalidInput(url_refused), Forbidden(clone_refused, egress_denied),
        Unavailable(clone_unreachable), TooLarge(clone_too_large), Conflict(git_failed).
        """
        if self._checked(url, login) == "file":
            found = _HEAD.search((await self._git(url, "ls-remote", "--symref", "--", url, "HEAD")).text)
            options = ("--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules")
            await self._git(url, "fetch", *options, "--", url, *refspecs)
            await self._bare.settle(*await self._bare.refs())
            return found[1] if found else None
        ended = await self._transfers.fetch(self._place, self._bare, url, login, refspecs, into)
        _demand(url, "fetch from", _finished(ended))
        return ended.head

    async def push(self, url: str, login: Login | None, refspec: str) -> None:
        """Push one ref. Raises as `fetch`, and Conflict(push_rejected)."""
        if self._checked(url, login) == "file":
            await self._git(url, "push", "--porcelain", "--no-signed", "--", url, refspec)
        else:
            _demand(url, "push to", _finished(await self._transfers.push(self._place, url, login, refspec)))

    def _checked(self, url: str, login: Login | None) -> str:
        """Return the scheme of an address that may be used; raises InvalidInput."""
        check_url(url, self._schemes)
        if login is not None:
            _one_line(login.username)
            _one_line(login.secret)
        return urlsplit(url).scheme

    async def _git(self, url: str, verb: str, *arguments: str) -> Finished:
        settings = ["protocol.file.allow=always"]
        finished = await git.run(self._bare.folder, verb, *arguments, seconds=SECONDS_MAX, settings=settings)
        _demand(url, "push to" if verb == "push" else "fetch from", finished)
        return finished


def _finished(result: Result) -> Finished:
    return Finished(result.code, result.out.encode(), result.errors)


def _demand(url: str, what: str, finished: Finished) -> None:
    if finished.code != 0:
        raise _explained(url, what, finished)


def check_url(url: str, schemes: Sequence[str]) -> None:
    """Raise InvalidInput(url_refused) for an address that git must not be given."""
    try:
        parts = urlsplit(url)
        secret = parts.username or parts.password
    except ValueError as error:
        raise _refused_url(str(error)) from error
    if parts.scheme not in schemes:
        raise _refused_url(f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if secret:
        raise _refused_url("it has a login in it")
    if len(url) > URL_CHARS_MAX or not url.isprintable() or " " in url:
        raise _refused_url("it is too long, or has characters that no address has")
    if parts.scheme != "file" and not parts.hostname:
        raise _refused_url("it names no host")


def _refused_url(why: str) -> InvalidInput:
    return InvalidInput("url_refused", f"cannot use the address: {why}")


def _one_line(value: str) -> None:
    if not value.isprintable() or len(value) > URL_CHARS_MAX:
        raise InvalidInput("invalid_input", "cannot use the login: it has control characters, or is too long")


def _explained(url: str, what: str, finished: Finished) -> AttError:
    host, told = urlsplit(url).hostname or "the file", finished.errors + finished.text
    if any(sign in told for sign in _DENIED):
        text = f"cannot {what} {host}: the way out refuses an address of it, or a host that it leads on to"
        return Forbidden("egress_denied", text, hint="`journalctl -u att-egress` names what was refused")
    if any(sign in told for sign in _REFUSED):
        return Forbidden("clone_refused", f"cannot {what} {host}: it wants another login")
    if any(sign in told for sign in _UNTRUSTED):
        text = f"cannot {what} {host}: no authority that is trusted here has signed its certificate"
        hint = "trust one of your site's own: attctl network set --ca FILE, then `attctl network apply`"
        return Unavailable("clone_unreachable", text, hint=hint)
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
