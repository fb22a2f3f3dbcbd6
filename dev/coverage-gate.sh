#!/usr/bin/env bash
# Fails when branch coverage falls under 80 % overall or under 100 % of any decision.py.
set -euo pipefail
coverage report --fail-under=80 --format=total >/dev/null || {
  coverage report | tail -40
  echo "coverage is under 80 %" >&2
  exit 1
}
coverage report --include='*/decision.py' --fail-under=100
echo "branch coverage overall: $(coverage report --format=total) %"
