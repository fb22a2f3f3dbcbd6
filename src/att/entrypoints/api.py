"""The API process: REST, MCP, WebSocket and console on the socket that systemd holds, over one database.

When it stops, streams end with a hint to reconnect and waiting writes are answered at once, see `serving`.
"""

import gc
import sys


def main() -> int:
    """Run the process; returns its exit code: 1 when something beside the server failed."""
    # While modules load and rooms are built nothing becomes garbage: to look for it takes a tenth of the start.
    gc.disable()
    from att.entrypoints.platform import run

    return run(on_ready=_collect_from_here)


def _collect_from_here() -> None:
    """Collect garbage from now on, and never look through what the start made, for it stays."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
