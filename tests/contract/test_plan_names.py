"""Every test that the plan names has its test here: `tests/plan.toml` against what pytest collects."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from dev.plan_names import read

ROOT = Path(__file__).parents[2]
NAMES_OF_THE_PLAN = 259
LISTS = read(ROOT)


def test_each_name_of_the_plan_is_there_once() -> None:
    names = [(one.title, name) for one in LISTS for name in (*one.tests, *one.later)]
    assert len(set(names)) == len(names) == NAMES_OF_THE_PLAN


def test_what_is_later_says_what_it_waits_for() -> None:
    assert [one.title for one in LISTS if bool(one.later) is not bool(one.waits_for)] == []


def test_each_test_that_the_table_names_is_written() -> None:
    named = {test.partition("[")[0] for one in LISTS for test in one.tests.values()}
    for file, function in (test.split("::") for test in sorted(named)):
        written = ast.walk(ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")))
        assert function in {node.name for node in written if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_each_test_that_the_table_names_is_collected() -> None:
    wanted = {f"tests/{test}" for one in LISTS for test in one.tests.values()}
    files = sorted({test.partition("::")[0] for test in wanted})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    collected = {line for line in done.stdout.splitlines() if "::" in line}
    collected |= {line.partition("[")[0] for line in collected}
    assert sorted(wanted - collected) == []
