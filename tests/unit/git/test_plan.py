"""Where the plan's tests of the git manager are: each name of the plan, and the test that shows it here."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
WORK, PUSH = "unit/git/test_worktrees.py", "unit/forge/test_pushes.py"
PULL, CHECK, HOST = "unit/forge/test_pulls.py", "unit/forge/test_checks.py", "unit/forge/test_other_hosts.py"

PLAN = {
    "test_status_returns_changed_files": (WORK, "test_status_tells_staged_changed_renamed_and_untracked_files"),
    "test_status_clean_repo": (WORK, "test_a_repository_without_changes_is_clean"),
    "test_status_untracked_files_included": (WORK, "test_status_tells_staged_changed_renamed_and_untracked_files"),
    "test_add_stages_specific_files": (WORK, "test_only_the_named_files_are_staged"),
    "test_add_nonexistent_file_raises_error": (WORK, "test_a_file_that_is_not_there_is_not_staged"),
    "test_commit_creates_commit_with_message": (WORK, "test_a_commit_names_its_author_and_files_and_is_told"),
    "test_commit_empty_staging_raises_error": (WORK, "test_a_commit_of_nothing_is_refused"),
    "test_commit_message_empty_raises_error": (WORK, "test_an_empty_message_is_refused"),
    "test_push_sends_to_remote": (PUSH, "test_a_pushed_branch_is_in_the_forge_once"),
    "test_push_no_remote_raises_error": (PUSH, "test_a_remote_without_a_name_here_is_refused"),
    "test_push_auth_failure_raises_error": (HOST, "test_a_push_that_the_host_refuses_the_login_of_is_told"),
    "test_push_with_retries_on_network_error": (PUSH, "test_what_fails_on_the_way_is_tried_again"),
    "test_branch_creates_new_branch": (WORK, "test_a_branch_is_made_switched_to_and_listed"),
    "test_branch_switch_existing": (WORK, "test_a_branch_is_made_switched_to_and_listed"),
    "test_branch_duplicate_name_raises_error": (WORK, "test_a_branch_of_a_taken_name_is_refused"),
    "test_branch_name_with_slashes_allowed": (WORK, "test_a_branch_is_made_switched_to_and_listed"),
    "test_pr_create_returns_pr_url": (PULL, "test_a_pull_request_has_an_address_a_text_and_its_files"),
    "test_pr_create_with_body": (PULL, "test_a_pull_request_has_an_address_a_text_and_its_files"),
    "test_pr_merge_succeeds": (PULL, "test_a_pull_request_is_opened_approved_and_merged_once"),
    "test_pr_merge_with_conflicts_raises_error": (PULL, "test_a_merge_with_conflicts_lists_the_files"),
    "test_pr_review_returns_comments": (PULL, "test_remarks_are_read_in_order_and_none_where_there_are_none"),
    "test_pr_review_no_comments_returns_empty": (PULL, "test_remarks_are_read_in_order_and_none_where_there_are_none"),
    "test_log_returns_commits": (WORK, "test_the_log_is_newest_first_and_limited"),
    "test_log_with_limit": (WORK, "test_the_log_is_newest_first_and_limited"),
    "test_log_empty_repo_returns_empty": (WORK, "test_the_log_of_an_empty_repository_is_empty"),
    "test_diff_between_branches": (WORK, "test_a_diff_between_branches_shows_their_difference"),
    "test_actions_status_returns_workflow_runs": (CHECK, "test_runs_are_listed_newest_first_and_none_without_checks"),
    "test_actions_logs_returns_output": (
        CHECK,
        "test_a_check_runs_on_a_fresh_checkout_and_its_log_is_read_by_offset",
    ),
    "test_actions_status_no_workflows_returns_empty": (
        CHECK,
        "test_runs_are_listed_newest_first_and_none_without_checks",
    ),
    "test_commit_message_preserved": (WORK, "test_any_commit_message_is_found_again_in_the_log"),
    "test_branch_name_sanitization": (WORK, "test_any_name_is_refused_or_listed_as_it_was_given"),
    "test_write_file_then_git_status_shows_change": (
        WORK,
        "test_status_tells_staged_changed_renamed_and_untracked_files",
    ),
    "test_write_commit_push_workflow": (PUSH, "test_a_pushed_branch_is_in_the_forge_once"),
}


@pytest.mark.parametrize("name", PLAN)
def test_a_test_of_the_plan_is_where_the_table_says(name: str) -> None:
    file, test = PLAN[name]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
