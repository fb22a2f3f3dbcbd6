"""Why a path cannot be used, in the words of the error tree."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from att.kernel.errors import AttError, Conflict, Failed, Forbidden, InvalidInput, NotFound

_SHOWN_CHARS_MAX = 200
_NO_FILE = (NotFound, "file_unknown", "there is no such file")
_FORBIDDEN = (Forbidden, "file_unreadable", "its permissions forbid it")
_SPECIAL = (InvalidInput, "file_kind", "it is a pipe, socket or device")
_FULL = (Failed, "disk_full", "the disk is full")
_REASONS: Mapping[int, tuple[type[AttError], str, str]] = {
    errno.ENOENT: _NO_FILE,
    errno.ENOTDIR: _NO_FILE,
    errno.EISDIR: (InvalidInput, "file_kind", "it is a folder"),
    errno.ENXIO: _SPECIAL,
    errno.ELOOP: (InvalidInput, "path_invalid", "a link in it leads nowhere"),
    errno.ENAMETOOLONG: (InvalidInput, "path_invalid", "it is too long"),
    errno.EINVAL: (InvalidInput, "path_invalid", "the system refuses it"),
    errno.EXDEV: (Forbidden, "path_outside", "a link leads out of the project"),
    errno.EEXIST: (Conflict, "file_exists", "there is a file of that name"),
    errno.ENOTEMPTY: (Conflict, "folder_not_empty", "the folder is not empty"),
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: (Failed, "disk_read_only", "the disk is read-only"),
}


@contextmanager
def explained(verb: str, path: str, field: str = "path") -> Iterator[None]:
    """Turn an OSError inside into the AttError that says `cannot <verb> <path>: why`."""
    try:
        yield
    except OSError as error:
        strange = (Failed, "disk_failed", (error.strerror or "the system refuses it").lower())
        kind, code, why = _REASONS.get(error.errno or 0, strange)
        raise kind(code, f"cannot {verb} {shown(path)}: {why}", field=None if kind is Failed else field) from error


def outside(path: str, why: str) -> Forbidden:
    """Return the error for a path that leads out of the project."""
    return Forbidden(
        "path_outside", f"cannot reach {shown(path)}: {why}; only the project's files are here", field="path"
    )


def invalid(path: str, why: str) -> InvalidInput:
    """Return the error for a path that no file can have."""
    return InvalidInput("path_invalid", f"cannot use the path {shown(path)}: {why}", field="path")


def shown(path: str) -> str:
    """Return a path as it may stand in a sentence: bounded, printable, UTF-8."""
    plain = path.encode("utf-8", "backslashreplace").decode()
    plain = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in plain[:_SHOWN_CHARS_MAX])
    return plain + "…" if len(path) > _SHOWN_CHARS_MAX else plain
