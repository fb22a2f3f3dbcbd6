"""`python -m att.backup`: waits until nobody restores, then ends what is left of it. Started by `Machine.stand_by`."""

import sys

from att.appliance import facts
from att.backup.service import Backups
from att.kernel.errors import AttError


def main() -> int:
    """Return 0 when nothing is left, 4 when it could not be ended; why goes to the journal."""
    try:
        done = Backups(facts(), "root").stand_by()
    except AttError as error:
        sys.stderr.write(f"error[{error.code}]: {error.detail}\n")
        return 4
    sys.stdout.write(f"{done.outcome} {done.problem or ''}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
