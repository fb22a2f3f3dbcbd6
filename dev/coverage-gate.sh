#!/usr/bin/env bash
# Fails when less than PERCENT of what FILE has measured was run. Usage: coverage-gate.sh PERCENT FILE [REPORT OPTION...]
set -euo pipefail
report=$(coverage report --data-file="$2" --fail-under="$1" "${@:3}") || {
  tail -40 <<<"$report"
  echo "coverage is under $1 %" >&2
  exit 1
}
printf '%s\ncovered at least to %s %%\n' "$(grep '^TOTAL' <<<"$report")" "$1"
