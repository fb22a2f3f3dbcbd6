#!/usr/bin/env bash
# Prints every shell script of the repository, found by its first line.
set -euo pipefail
git ls-files -co --exclude-standard | while read -r file; do
  [ -f "$file" ] || continue
  read -r first <"$file" 2>/dev/null || true
  case ${first:-} in '#!'*'sh') printf '%s\n' "$file" ;; *) ;; esac
done
