#!/usr/bin/env bash
# Known vulnerabilities of the locked dependencies, and their licences against an allow-list.
set -euo pipefail
cd "$(dirname "$0")/.."
pip-licenses --from=mixed --partial-match --allow-only="MIT;BSD;Apache;ISC;Python Software Foundation;PSF;MPL;Mozilla;Unlicense;0BSD;Zope;CC0;Public Domain;LGPL" \
  --packages "$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' locks/runtime.txt | tr '\n' ' ')" >artifacts/licences.txt || {
  cat artifacts/licences.txt
  exit 1
}
echo "licences: ok, $(wc -l <artifacts/licences.txt) lines in artifacts/licences.txt"
if pip-audit -r locks/runtime.txt --require-hashes --disable-pip -f json -o artifacts/pip_audit.json; then
  echo "vulnerabilities: none known"
else
  status=$?
  [ -s artifacts/pip_audit.json ] || echo "cannot ask the vulnerability service: is there a network?" >&2
  exit "$status"
fi
