#!/usr/bin/env bash
# Known vulnerabilities of the locked dependencies, and their licences against an allow-list: ATT's own and NAT's.
set -euo pipefail
cd "$(dirname "$0")/.."
allowed="MIT;BSD;Apache;ISC;Python Software Foundation;PSF;MPL;Mozilla;Unlicense;0BSD;Zope;CC0;Public Domain;LGPL"

audit() {
  local venv=$1 lock=$2 suffix=$3 status=0
  local licences=artifacts/licences$suffix.txt report=artifacts/pip_audit$suffix.json packages
  mapfile -t packages < <(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$lock")
  pip-licenses --python="$venv/bin/python" --from=mixed --partial-match --allow-only="$allowed" \
    --packages "${packages[@]}" >"$licences" || {
    cat "$licences"
    return 1
  }
  echo "$lock: licences ok, $(wc -l <"$licences") lines in $licences"
  pip-audit -r "$lock" --require-hashes --disable-pip -f json -o "$report" || status=$?
  if [ "$status" = 0 ]; then
    echo "$lock: no known vulnerabilities"
  else
    [ -s "$report" ] || echo "cannot ask the vulnerability service: is there a network?" >&2
    return "$status"
  fi
}
failed=0
audit .venv locks/runtime.txt "" || failed=$?
audit .nat locks/nat.txt _nat || failed=$?
exit "$failed"
