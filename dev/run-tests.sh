#!/usr/bin/env bash
# Runs one tier of tests: check | test | smoke | e2e. Each test belongs to a tier by its folder; those that are marked as
# long belong to e2e wherever they are.
set -euo pipefail
cd "$(dirname "$0")/.."
tier=${1:?tier}
started=$SECONDS
workers=(-n 2 --dist loadscope)
# One appliance lives through the tests of a module, as an operator's would: what came before matters.
in_order=(-p no:randomly)
lanes=()
found=$(mktemp -d)

# What each lane has started ends with it, also when it is interrupted.
finish() {
  for lane in "${lanes[@]}"; do kill -INT -- "-$lane" 2>/dev/null || true; done
  wait
  ! mountpoint -q "$found" || umount --lazy "$found"
  rm -r "$found"
}
trap finish EXIT
trap 'exit 130' INT TERM

lane() {
  setsid env --default-signal=INT,TERM dev/run-tests.sh "$@" &
  lanes+=($!)
}

# Has temporary files in memory where this may mount and there is room: a disk takes its time over each of the many.
in_memory() {
  awk '/^MemAvailable:/ {exit $2 < 12000000}' /proc/meminfo || return 0
  mount -t tmpfs -o size=6g,mode=700 att-tests "$found" 2>/dev/null || return 0
  export TMPDIR=$found
}

# Runs pytest and measures what it runs of ATT: lines, or branches, which costs as much as the tests themselves.
measured() {
  local how=(COVERAGE_CORE=sysmon)
  [ "$1" = lines ] || how=(COVERAGE_CORE=ctrace ATT_BRANCHES=true ATT_CONCURRENCY=greenlet)
  env "${how[@]}" COVERAGE_FILE="$found/$1" python -m pytest "${@:2}" -q "${workers[@]}" --timeout 120 \
    --cov-config=pyproject.toml --cov-report=
}

case $tier in
  check) python -m pytest tests/unit -q "${workers[@]}" --timeout 60 "${@:2}" ;;
  test)
    # At once what mostly waits for a booted system, and what computes.
    lane booted "${@:2}" >"$found/said" 2>&1
    lane computing "${@:2}"
    for _ in "${lanes[@]}"; do
      wait -n || {
        cat "$found/said"
        exit 1
      }
    done
    cat "$found/said"
    ;;
  booted)
    # First those whose clients are timed, while the other lane starts no sessions of its own.
    python -m pytest tests/appliance/nspawn/test_upgrade.py tests/appliance/nspawn -q "${in_order[@]}" --timeout 900 \
      "${@:2}"
    # A browser's driver keeps an event loop running in its process, which other tests do not bear.
    python -m pytest tests/console -m "not long" -q "${workers[@]}" --timeout 300 "${@:2}"
    # This starts processes and waits for them, too; with it both lanes take equally long.
    python -m pytest tests/nat -m "not long" -q "${workers[@]}" --timeout 300 "${@:2}"
    ;;
  computing)
    # Only what processor time the other lane leaves, whose clients are timed.
    renice -n 19 $$ >/dev/null
    [ ! -w /proc/self/autogroup ] || echo 19 >/proc/self/autogroup
    in_memory
    dev/lint.sh >"$found/linted" 2>&1 &
    lint=$!
    # Those of check once more, measured: the branches of each decision by the tests of decisions alone, the lines of all
    # else. With them what the git of this machine does. `make e2e` measures the branches of all.
    mapfile -t deciding < <(find tests/unit -name test_decision.py -o -name 'test_*_policy.py' | sort)
    mapfile -t decisions < <(find src appliance/stage0 -name decision.py -printf '%P\n' | sed 's/\.py$//' | tr / .)
    measured decisions "${deciding[@]}" "${decisions[@]/#/--cov=}" "${@:2}"
    told=$(coverage report --data-file="$found/decisions" --no-skip-covered | grep -c 'decision\.py')
    [ "$told" -eq "${#decisions[@]}" ] || {
      echo "cannot judge the decisions: $told of ${#decisions[@]} are imported by their tests" >&2
      exit 1
    }
    dev/coverage-gate.sh 100 "$found/decisions"
    measured lines tests/unit tests/git --cov -m "not long" "${deciding[@]/#/--ignore=}" "${@:2}"
    dev/coverage-gate.sh 80 "$found/lines" --omit='*/decision.py'
    wait "$lint" || {
      cat "$found/linted"
      exit 1
    }
    cat "$found/linted"
    # The files that take longest first, so that no worker is left alone with one of them at the end.
    python -m pytest tests/crash tests/contract tests/sandbox -m "not long" -q "${workers[@]}" \
      --no-loadscope-reorder --randomly-dont-reorganize --timeout 300 "${@:2}"
    ;;
  smoke) python -m pytest tests/release tests/appliance/vm -m "not long" -v "${in_order[@]}" --timeout 3000 "${@:2}" ;;
  e2e)
    measured branches tests/unit tests/git --cov --hypothesis-profile long
    dev/coverage-gate.sh 80 "$found/branches"
    # make test kills a few times and asks for a few examples, this often.
    ATT_KILLS=20 python -m pytest tests/crash/test_*kill*.py -v -s "${in_order[@]}"
    ATT_EXAMPLES=20 python -m pytest tests/contract/test_openapi.py -q --timeout 300
    python -m pytest tests/crash tests/nat tests/release tests/contract -m long --ignore-glob '*kill*' -v --timeout 1800
    python -m pytest tests/console -m long -v --timeout 300
    python -m pytest tests/conformance -v --timeout 300
    python -m pytest tests/e2e -v "${in_order[@]}" --timeout 7200 "${@:2}"
    ;;
  *) echo "cannot run tests: unknown tier '$tier'" >&2 && exit 2 ;;
esac
echo "tier $tier took $((SECONDS - started)) s"
