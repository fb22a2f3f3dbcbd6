"""The rules of projects: names, states, slots, addresses, quota. Values in, verdicts out."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

NAME_CHARS_MAX = 100
SLUG_CHARS_MAX = 48
VALUE_CHARS_MAX = 65_536
VARIABLES_MAX = 200
NAME_RULE = f"a name has 1 to {NAME_CHARS_MAX} characters and at least one that a-z or 0-9 can stand for"
SELF_SLUG = "att"
"""The short name of ATT's own repository: nobody else gets it, and it is never deleted (ADR 0013)."""
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_URL_CHARS_MAX = 2000


class ProjectStatus(StrEnum):
    """The plan's states of a project."""

    CREATED = "created"
    CLONED = "cloned"
    RUNNING = "running"
    STOPPED = "stopped"
    ERROR = "error"


TRANSITIONS: Mapping[ProjectStatus, frozenset[ProjectStatus]] = MappingProxyType(
    {
        ProjectStatus.CREATED: frozenset({ProjectStatus.RUNNING, ProjectStatus.ERROR}),
        ProjectStatus.CLONED: frozenset({ProjectStatus.RUNNING, ProjectStatus.ERROR}),
        ProjectStatus.RUNNING: frozenset({ProjectStatus.STOPPED, ProjectStatus.ERROR}),
        ProjectStatus.STOPPED: frozenset({ProjectStatus.RUNNING, ProjectStatus.ERROR}),
        ProjectStatus.ERROR: frozenset({ProjectStatus.RUNNING, ProjectStatus.STOPPED}),
    }
)
"""From each state the states that may follow it; a project begins as created or cloned and never returns there."""


def may_become(now: ProjectStatus, then: ProjectStatus) -> bool:
    """Whether a project in state `now` may be `then` next; staying what it is always may be."""
    return then is now or then in TRANSITIONS[now]


def sanitised(name: str) -> str:
    """Return the slug of a name: a-z, 0-9 and single dashes, 48 at most; empty when nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return _NOT_IN_SLUG.sub("-", plain).strip("-")[:SLUG_CHARS_MAX].rstrip("-")


def name_problem(name: str) -> str | None:
    """Return why a name cannot be taken, None when it can."""
    if not name.strip():
        return f"it is empty; {NAME_RULE}"
    if len(name) > NAME_CHARS_MAX:
        return f"it has {len(name)} characters; {NAME_RULE}"
    if not sanitised(name):
        return f"nothing of it can stand in an address; {NAME_RULE}"
    return None


def free_slot(taken: Collection[int], slots: int) -> int | None:
    """Return the lowest slot that no project holds, None when all are taken."""
    return next((slot for slot in range(slots) if slot not in taken), None)


def checked_url(url: str) -> str:
    """Return a clone address that ATT may ask; ValueError says what is wrong with any other."""
    problem = url_problem(url)
    if problem:
        raise ValueError(problem)
    return url


def url_problem(url: str) -> str | None:
    """Return why an address cannot be cloned, None when it can."""
    if len(url) > _URL_CHARS_MAX or _CONTROL.search(url):
        return "it must have no blanks and at most 2000 characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no address"
    if parts.username is not None or parts.password is not None:
        return "a login does not belong in it: store a credential and name it"
    if parts.query or parts.fragment:
        return "it must have no ? and no #"
    match parts.scheme:
        case "https":
            return None if host and len(parts.path) > 1 else "it must name a host and a repository"
        case "file":
            return (
                None if not parts.netloc and _is_plain(unquote(parts.path)) else "it must be file:///an/absolute/path"
            )
        case _:
            return "it must begin with https:// or file:///"


def _is_plain(path: str) -> bool:
    return path.startswith("/") and len(path) > 1 and ".." not in PurePosixPath(path).parts


def host_of(url: str) -> str:
    """Return host and, where one is written, port of an address: what a credential is bound to."""
    return urlsplit(url).netloc.lower()


def name_in(url: str) -> str:
    """Return the name of the repository at an address."""
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2].removesuffix(".git")


def is_below(path: str, roots: Iterable[str]) -> bool:
    """Whether an absolute path is one of `roots` or lies below one."""
    return any(PurePosixPath(path).is_relative_to(root) for root in roots)


def file_path(url: str) -> str | None:
    """Return the path of a file address, None for any other."""
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" else None


def checked_variable_name(name: str) -> str:
    """Return the name of an environment variable; ValueError for one that no project may set."""
    if not _VARIABLE.match(name):
        raise ValueError("it must begin with a letter or _ and go on with letters, digits and _")
    if name.upper().startswith("ATT_"):
        raise ValueError("names that begin with ATT_ are ATT's own")
    return name


def quota_problem(used: Mapping[str, int], limit: int) -> str | None:
    """Return what fills the project's room, None while there is some; `used` maps parts to bytes."""
    total = sum(used.values())
    if total < limit:
        return None
    largest = sorted(used.items(), key=lambda part: (-part[1], part[0]))[:3]
    parts = ", ".join(f"{name} {size} bytes" for name, size in largest if size)
    return f"it takes {total} of {limit} bytes: {parts}"
