"""The workspace agent's process: `att-run` starts it in the worktree and hands it a listening socket."""

import os
import sys
from pathlib import Path

from att.workspace.agent import AgentServer, listen_fd


def main() -> int:
    """Run the agent; returns the exit code."""
    AgentServer(listen_fd(os.environ), Path.cwd()).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
