"""A transfer's process: `att-run` starts it in the worktree, its order on standard input; see `att.workspace.transfer`.

Exit codes: 0 git was asked, and `result.json` says how it ended; 2 the order is wrong.
"""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from att.workspace.transfer import ERRORS_CHARS_MAX, RESULT, Way, order_of, run

ORDER_BYTES_MAX = 256 * 1024


def main() -> int:
    """Run it; returns the exit code."""
    try:
        order = order_of(sys.stdin.buffer.read(ORDER_BYTES_MAX).decode())
    except ValueError as error:
        sys.stderr.write(f"cannot transfer: {error}\n")
        return 2
    os.umask(0o007)  # the group is the forge's: it removes what is left
    out = Path(os.environ["ATT_TASK_OUT"])
    temporary = Path(os.environ["TMPDIR"])
    way = Way(os.environ.get("HTTPS_PROXY"), os.environ.get("GIT_SSL_CAINFO"))
    found = run(order, out=out, temporary=temporary, worktree=Path.cwd(), way=way)
    short = replace(found, out=found.out[:ERRORS_CHARS_MAX], errors=found.errors[:ERRORS_CHARS_MAX])
    (out / RESULT).write_text(json.dumps(asdict(short)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
