"""The process `attctl`."""

import os
import sys

from att.surfaces.cli.app import main as run
from att.surfaces.cli.failure import INTERRUPTED


def main() -> None:
    """Run attctl with the process's arguments and exit with its code."""
    try:
        code = run()
    except Exception as error:  # the outermost handler: a fault becomes two lines, not a traceback
        if os.environ.get("ATT_TRACEBACK"):
            raise
        sys.stderr.write(f"error[internal]: attctl made a mistake: {type(error).__name__}: {error}\n")
        sys.stderr.write("hint: report it with the command line; ATT_TRACEBACK=1 shows where\n")
        code = 4
    if code == INTERRUPTED:
        # A thread may still wait for an answer of the engine; the person does not.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
