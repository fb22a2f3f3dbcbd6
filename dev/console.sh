#!/usr/bin/env bash
# Builds or checks the web console with the Node of the venv. Usage: console.sh build|check
# A build is skipped when nothing it reads has changed since the last one.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=${1:-build}
root=$PWD
export PATH="$root/.venv/bin:$PATH"
cd src/console
# Test workers ask for the console at the same moment; npm does not bear a second npm in its folder.
exec 9<package.json
flock 9

digest() {
  (cd "$root" && git ls-files -co --exclude-standard src/console schemas/openapi.json | sort |
    while read -r file; do [ -f "$file" ] && sha256sum "$file"; done) | sha256sum | cut -d' ' -f1
}
modules() {
  local stamp=node_modules/.att-lock
  if [ "$(cat "$stamp" 2>/dev/null)" != "$(sha256sum package-lock.json)" ]; then
    npm ci --no-audit --no-fund --loglevel=error
    sha256sum package-lock.json >"$stamp"
  fi
}

case $verb in
  build)
    now=$(digest)
    [ "$(cat dist/.digest 2>/dev/null)" != "$now" ] || exit 0
    modules
    npm run --silent build
    printf '%s\n' "$now" >dist/.digest
    ;;
  check)
    modules
    npm run --silent check
    ;;
  *) echo "cannot run: unknown verb '$verb' (build or check)" >&2 && exit 2 ;;
esac
