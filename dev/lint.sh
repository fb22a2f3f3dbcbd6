#!/usr/bin/env bash
# Every linter, each with its name and time; the type checker beside the others. Fails at the end if any failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 4
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run() {
  local name=$1 started=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok    %-12s %3d s\n' "$name" "$((SECONDS - started))"
  else
    printf '%s\nFAIL  %-12s %3d s\n' "$output" "$name" "$((SECONDS - started))"
    touch "$results/$name"
  fi
}
mapfile -t shell_files < <(dev/shell-files.sh)
run types mypy --no-error-summary src/att src/att_nat dev tests appliance/stage0 &
run format ruff format --check --quiet .
run ruff ruff check --quiet .
run contracts lint-imports --no-cache
run shellcheck shellcheck -x "${shell_files[@]}"
run shfmt shfmt -d -i 2 -ci "${shell_files[@]}"
run yaml yamllint -s .
run bandit bandit -q -r src/att src/att_nat appliance/stage0 -c pyproject.toml
run unused vulture src/att src/att_nat appliance/stage0 dev/vulture-allowed.py --min-confidence 80
run dependencies deptry src/att
run spelling codespell templates src/att src/att_nat dev tests appliance provision packer cloud-init upgrade docs adr README.md
run generated python -m dev.generate --check
run workflows check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml templates/*/files/.github/workflows/*.yml
wait
failed=$(ls "$results")
[ -z "$failed" ] || {
  printf 'lint failed: %s\n' "$(tr '\n' ' ' <<<"$failed")" >&2
  exit 1
}
