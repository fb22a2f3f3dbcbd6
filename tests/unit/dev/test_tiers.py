"""The tiers of dev/run-tests.sh: a folder that none of them names is run by nobody."""

from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_folder_of_tests_is_run_by_a_tier() -> None:
    tiers = (ROOT / "dev/run-tests.sh").read_text(encoding="utf-8")
    folders = {path.relative_to(ROOT).parts[1] for path in (ROOT / "tests").glob("**/test_*.py")}
    assert sorted(folder for folder in folders if f" tests/{folder}" not in tiers) == []
