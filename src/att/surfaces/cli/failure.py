"""Errors as attctl tells them: two lines on stderr, and the exit code."""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from att.kernel.errors import AttError

OK, NEGATIVE, INVALID, DEGRADED, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        OK: ("ok", "It was done, or the answer is good."),
        NEGATIVE: ("a negative answer", "A difference was found, a check or a test failed; stdout says which."),
        INVALID: ("invalid input", "The command line or a file is wrong; stderr names the field. Nothing was done."),
        DEGRADED: ("degraded", "It works, with something to look at; stdout says what."),
        FAILED: ("failed", "It was refused, not found, or went wrong; the error code on stderr says why."),
        INTERRUPTED: ("interrupted", "Ctrl+C, or a prompt that was left. A job that --wait watched goes on."),
    }
)
"""What each exit code of attctl says: in a word or two, and what it means; the guide and the man page read it."""
_INVALID_STATUSES = (400, 405, 413, 415, 422)


class Remote(AttError):
    """An error that the API told, rebuilt from its problem document."""

    def __init__(self, document: Mapping[str, Any], status: int) -> None:
        hint = str(document.get("hint") or "look at `attctl status`")
        super().__init__(
            str(document.get("code") or "internal"),
            str(document.get("detail") or f"cannot do it: the API answered {status}"),
            hint=hint,
            field=document.get("field"),
            data=document.get("data"),
        )
        self.status = status
        self.exit_code = INVALID if status in _INVALID_STATUSES else FAILED


class JobFailed(AttError):
    """A job that ended without success, with the problem it recorded."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("code") or "internal"),
            str(problem.get("detail") or "the job failed"),
            hint=str(problem.get("hint") or "read its log with `attctl job log`"),
            field=problem.get("field"),
        )
        self.exit_code = int(problem.get("exit_code") or FAILED)


def tell_failure(result: Any, code: int) -> int:
    """Write the two lines for a result that carries the `failure` it exits 4 for, and return the exit code."""
    failure = result.get("failure") if isinstance(result, dict) else None
    if code == FAILED and isinstance(failure, dict):
        tell(JobFailed(failure))
    return code


def tell(error: AttError) -> int:
    """Write the two lines to stderr and return the exit code."""
    where = f" [{error.field}]" if error.field and error.field not in error.detail else ""
    detail = " ".join(error.detail.split())
    hint = " ".join(error.hint.split())
    sys.stderr.write(f"error[{error.code}]: {detail}{where}\nhint: {hint}\n")
    sys.stderr.flush()
    return error.exit_code
