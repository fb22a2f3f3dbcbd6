#!/usr/bin/env bash
# Every linter, each with its name and time; goes on after a failure and fails at the end.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 4
failed=()
run() {
  local name=$1 started=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok    %-12s %3d s\n' "$name" "$((SECONDS - started))"
  else
    printf '%s\nFAIL  %-12s %3d s\n' "$output" "$name" "$((SECONDS - started))"
    failed+=("$name")
  fi
}
mapfile -t shell_files < <(dev/shell-files.sh)
python_roots=(src/att dev tests appliance/stage0)
run format ruff format --check --quiet .
run ruff ruff check --quiet .
run types mypy --no-error-summary "${python_roots[@]}"
run contracts lint-imports --no-cache
run shellcheck shellcheck -x "${shell_files[@]}"
run shfmt shfmt -d -i 2 -ci "${shell_files[@]}"
run yaml yamllint -s .
run bandit bandit -q -r src/att appliance/stage0 -c pyproject.toml
run unused vulture src/att appliance/stage0 dev/vulture-allowed.py --min-confidence 80
run dependencies deptry src/att
run spelling codespell src/att dev tests appliance provision packer cloud-init upgrade docs adr README.md
run workflows check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
if [ "${#failed[@]}" -gt 0 ]; then
  echo "lint failed: ${failed[*]}" >&2
  exit 1
fi
