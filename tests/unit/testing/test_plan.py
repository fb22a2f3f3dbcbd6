"""Where the plan's tests of the test runner are: each name of the plan, and the test that shows it here."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
SERVICE, REAL = "unit/testing/test_service.py", "nat/test_running.py"
JUNIT, REPORTS = "unit/testing/test_junit.py", "unit/testing/test_reports.py"
BAD = "test_a_failing_test_is_counted_and_located_and_a_broken_file_too"
GOOD = "test_every_suite_of_a_template_passes_with_coverage"

PLAN = {
    "test_run_unit_tests_returns_results": (SERVICE, "test_each_suite_gives_results"),
    "test_run_integration_tests_returns_results": (SERVICE, "test_each_suite_gives_results"),
    "test_run_e2e_tests_returns_results": (SERVICE, "test_each_suite_gives_results"),
    "test_run_specific_test_file": (REAL, BAD),
    "test_run_specific_test_function": (REAL, BAD),
    "test_results_include_pass_fail_skip_counts": (JUNIT, "test_a_report_is_counted_and_its_failures_located"),
    "test_results_include_failure_details": (SERVICE, "test_failures_are_counted_located_and_told"),
    "test_results_include_duration": (SERVICE, "test_failures_are_counted_located_and_told"),
    "test_results_include_coverage_percentage": (
        SERVICE,
        "test_coverage_is_told_and_less_than_its_threshold_flagged",
    ),
    "test_run_no_tests_found_returns_empty_results": (SERVICE, "test_no_tests_give_an_empty_result"),
    "test_run_syntax_error_in_test_reports_error": (SERVICE, "test_a_syntax_error_in_a_test_is_an_error"),
    "test_run_timeout_kills_process": (REAL, "test_a_run_beyond_its_time_is_killed_with_all_it_started"),
    "test_run_with_markers_filter": ("unit/testing/test_decision.py", "test_pytest_is_told_what_was_asked_for"),
    "test_parse_pytest_json_output": (REPORTS, "test_a_json_report_is_counted_and_its_failures_located"),
    "test_parse_pytest_xml_output": (JUNIT, "test_a_report_is_counted_and_its_failures_located"),
    "test_coverage_below_threshold_flagged": (REPORTS, "test_coverage_below_its_threshold_is_flagged"),
    "test_run_tests_on_sample_project": (REAL, GOOD),
    "test_run_tests_reports_failure_correctly": (REAL, BAD),
    "test_coverage_report_generated": (REAL, GOOD),
}


@pytest.mark.parametrize(("file", "name"), PLAN.values(), ids=PLAN)
def test_each_test_of_the_plan_is_there(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
