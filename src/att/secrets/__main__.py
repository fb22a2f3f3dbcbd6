"""`python -m att.secrets`: the secrets check as a script, for `att-check-perms`; exit 1 when a secret is open."""

import json
import os
import sys

from att.appliance import facts
from att.secrets.check import check


def main() -> int:
    """Print the report and return 0, 1 for a violation, 4 without the right to look."""
    if os.geteuid() != 0:
        sys.stderr.write("error[not_allowed]: cannot check the secrets: only root may look at them\n")
        sys.stderr.write("hint: sudo att-check-perms, or `attctl secrets check` as an operator\n")
        return 4
    report = check(facts())
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        sys.stdout.writelines(f"{one.path}: {one.problem}\n" for one in report.violations)
        sys.stdout.write(f"{report.checked} checked, {len(report.violations)} wrong\n")
    return int(bool(report.violations))


if __name__ == "__main__":
    sys.exit(main())
