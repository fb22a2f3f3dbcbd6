"""Where the plan's tests of the runtime manager are: each name of the plan, and the test that shows it here."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
SERVICE, LOGS, REAL = "unit/runtime/test_service.py", "unit/runtime/test_logs.py", "nat/test_running.py"
LIFE = "test_an_app_is_started_asked_recorded_stopped_and_started_again"

PLAN = {
    "test_start_launches_nat_serve_process": (
        SERVICE,
        "test_a_start_launches_nat_serve_in_the_sandbox_and_returns_when_it_is_healthy",
    ),
    "test_start_with_config_path": (
        SERVICE,
        "test_a_start_launches_nat_serve_in_the_sandbox_and_returns_when_it_is_healthy",
    ),
    "test_start_already_running_raises_error": (SERVICE, "test_a_running_app_is_not_started_twice"),
    "test_start_invalid_config_raises_error": (SERVICE, "test_an_invalid_config_refuses_the_start_and_says_where"),
    "test_start_port_in_use_raises_error": (
        SERVICE,
        "test_a_pinned_port_of_another_app_is_refused_with_its_owners_name",
    ),
    "test_stop_terminates_process": (SERVICE, "test_a_stop_ends_the_task_within_its_grace"),
    "test_stop_not_running_raises_error": (SERVICE, "test_an_app_that_does_not_run_cannot_be_stopped"),
    "test_stop_graceful_then_force": (REAL, "test_a_stop_ends_a_generation_that_is_running"),
    "test_restart_stops_and_starts": (SERVICE, "test_a_restart_stops_and_starts_with_the_same_settings"),
    "test_status_returns_running_info": (
        SERVICE,
        "test_a_start_launches_nat_serve_in_the_sandbox_and_returns_when_it_is_healthy",
    ),
    "test_status_not_running_returns_stopped": (
        SERVICE,
        "test_a_project_that_never_ran_is_stopped_and_has_no_log",
    ),
    "test_logs_returns_recent_output": (LOGS, "test_without_a_cursor_the_last_lines_are_read"),
    "test_logs_with_line_limit": (LOGS, "test_a_limit_counts_lines"),
    "test_logs_streaming_yields_lines": (LOGS, "test_following_yields_lines_as_they_come_until_the_app_is_stopped"),
    "test_health_check_returns_healthy": (SERVICE, "test_health_is_what_the_app_answers"),
    "test_health_check_unhealthy_after_crash": (SERVICE, "test_an_app_that_crashed_is_not_healthy"),
    "test_start_captures_stderr": (SERVICE, "test_an_app_that_dies_at_start_fails_with_its_traceback"),
    "test_start_with_env_vars": (
        SERVICE,
        "test_an_app_gets_the_projects_values_and_its_router_key_as_secrets_alone",
    ),
    "test_start_nat_serve_and_health_check": (REAL, LIFE),
    "test_start_stop_start_lifecycle": (REAL, LIFE),
    "test_logs_contain_startup_messages": (REAL, LIFE),
}


@pytest.mark.parametrize(("file", "name"), PLAN.values(), ids=PLAN)
def test_each_test_of_the_plan_is_there(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
