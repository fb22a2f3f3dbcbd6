"""Where the plan's tests of the code manager are: each name of the plan, and the test that shows it here."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
FILES, TREE = "unit/workspace/test_files.py", "unit/workspace/test_tree.py"
SEARCH, DIFF = "unit/workspace/test_search.py", "unit/workspace/test_diff.py"
PROPERTIES = "unit/workspace/test_files_property.py"

PLAN = {
    "test_read_file_returns_content": (FILES, "test_a_file_is_read_with_its_content_size_and_hash"),
    "test_read_file_nonexistent_raises_not_found": (FILES, "test_a_file_that_does_not_exist_is_not_found"),
    "test_read_file_binary_returns_base64": (FILES, "test_what_is_no_text_is_read_as_base64"),
    "test_read_file_outside_project_raises_security_error": (FILES, "test_a_path_outside_the_project_is_refused"),
    "test_read_file_symlink_outside_project_raises_security_error": (
        FILES,
        "test_a_link_that_leads_out_of_the_project_is_refused",
    ),
    "test_write_file_creates_new_file": (FILES, "test_a_new_file_is_made_with_the_folders_above_it"),
    "test_write_file_updates_existing_file": (FILES, "test_a_file_that_is_there_is_replaced_and_keeps_its_mode"),
    "test_write_file_creates_parent_directories": (FILES, "test_a_new_file_is_made_with_the_folders_above_it"),
    "test_write_file_outside_project_raises_security_error": (FILES, "test_a_path_outside_the_project_is_refused"),
    "test_write_file_empty_content_allowed": (FILES, "test_an_empty_file_may_be_written"),
    "test_write_file_very_large_content_handled": (
        FILES,
        "test_a_very_large_content_is_written_whole",
    ),
    "test_search_files_returns_matching_lines": (
        SEARCH,
        "test_a_search_returns_the_lines_that_match_with_their_places",
    ),
    "test_search_files_regex_pattern": (SEARCH, "test_a_search_takes_a_regular_expression_when_told_so"),
    "test_search_files_no_match_returns_empty": (SEARCH, "test_a_search_without_a_match_returns_an_empty_list"),
    "test_search_files_binary_files_skipped": (SEARCH, "test_binary_and_too_large_files_are_skipped_and_counted"),
    "test_diff_returns_unified_diff": (DIFF, "test_a_diff_is_unified_and_counts_the_lines"),
    "test_diff_new_file_shows_all_additions": (
        DIFF,
        "test_a_new_file_shows_as_additions_and_the_index_stays_as_it_was",
    ),
    "test_diff_deleted_file_shows_all_removals": (DIFF, "test_a_deleted_file_shows_as_removals"),
    "test_diff_no_changes_returns_empty": (DIFF, "test_no_change_gives_an_empty_diff"),
    "test_list_files_returns_tree": (TREE, "test_the_tree_lists_folders_before_their_content"),
    "test_list_files_respects_gitignore": (TREE, "test_the_tree_respects_gitignore_unless_told_otherwise"),
    "test_list_files_hidden_files_option": (
        TREE,
        "test_hidden_files_are_listed_when_asked_for_and_git_s_own_never",
    ),
    "test_write_then_read_roundtrip": (PROPERTIES, "test_what_was_written_is_read_again"),
    "test_search_finds_written_content": (PROPERTIES, "test_a_search_finds_any_part_of_a_line_that_was_written"),
    "test_path_traversal_never_escapes_project": (
        PROPERTIES,
        "test_no_path_reaches_what_is_outside_the_project",
    ),
    "test_diff_after_code_change": (DIFF, "test_a_diff_is_unified_and_counts_the_lines"),
}


@pytest.mark.parametrize("name", PLAN)
def test_a_test_of_the_plan_is_where_the_table_says(name: str) -> None:
    file, test = PLAN[name]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
