import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.workspace.conftest import Call

from att.workspace.verbs import search

Git = Callable[..., str]


@pytest.fixture
def files(root: Path, git: Git) -> Path:
    (root / "src").mkdir()
    (root / "src" / "a.py").write_text("def first():\n    return 'naïve'\n\ndef second():\n    pass\n")
    (root / "src" / "b.txt").write_text("def not_python\n")
    (root / ".hidden").write_text("def hidden\n")
    (root / "ignored.log").write_text("def ignored\n")
    (root / ".gitignore").write_text("*.log\n")
    return root


def found(matches: dict[str, list[dict[str, object]]]) -> list[tuple[object, ...]]:
    return [(match["path"], match["line"], match["column"], match["text"]) for match in matches["matches"]]


def test_a_search_returns_the_lines_that_match_with_their_places(files: Path, call: Call) -> None:
    assert found(call("search.lines", query="naïve")) == [("src/a.py", 2, 13, "    return 'naïve'")]


def test_a_search_takes_a_regular_expression_when_told_so(files: Path, call: Call) -> None:
    assert [match[:2] for match in found(call("search.lines", query=r"def \w+\(\):", regex=True))] == [
        ("src/a.py", 1),
        ("src/a.py", 4),
    ]
    assert found(call("search.lines", query=r"def \w+\(\):")) == []


def test_a_search_without_a_match_returns_an_empty_list(files: Path, call: Call) -> None:
    assert call("search.lines", query="nowhere") == {"matches": [], "files": 2, "skipped": 0, "truncated": False}


def test_binary_and_too_large_files_are_skipped_and_counted(files: Path, call: Call) -> None:
    (files / "a.bin").write_bytes(b"needle\0needle")
    (files / "large.txt").write_bytes(b"needle\n" * (search.FILE_BYTES_MAX // 7 + 1))
    result = call("search.lines", query="needle")
    assert (result["matches"], result["skipped"]) == ([], 2)


def test_ignored_files_are_not_searched_and_hidden_ones_when_asked_for(files: Path, call: Call) -> None:
    assert {match[0] for match in found(call("search.lines", query="def"))} == {"src/a.py", "src/b.txt"}
    assert ".hidden" in {match[0] for match in found(call("search.lines", query="def", hidden=True))}


def test_a_search_is_narrowed_by_folder_and_by_name(files: Path, call: Call) -> None:
    (files / "top.py").write_text("def top\n")
    assert {match[0] for match in found(call("search.lines", query="def", path="src"))} == {"src/a.py", "src/b.txt"}
    assert {match[0] for match in found(call("search.lines", query="def", names="*.py"))} == {"src/a.py", "top.py"}
    assert {match[0] for match in found(call("search.lines", query="def", names="src/*.py"))} == {"src/a.py"}


def test_a_search_may_ignore_case(files: Path, call: Call) -> None:
    assert found(call("search.lines", query="NAÏVE")) == []
    assert len(found(call("search.lines", query="NAÏVE", case=False))) == 1


def test_a_search_is_cut_at_its_limit(files: Path, call: Call) -> None:
    result = call("search.lines", query="def", limit=2)
    assert (len(result["matches"]), result["truncated"]) == (2, True)
    assert call("search.lines", query="def", limit=3)["truncated"] is False


def test_a_long_line_is_cut_around_its_match(files: Path, call: Call) -> None:
    (files / "long.txt").write_text("x" * 10_000 + "needle" + "y" * 10_000)
    ((_, _, column, text),) = found(call("search.lines", query="needle"))
    assert column == 10_001
    assert "needle" in str(text)
    assert len(str(text)) == search.TEXT_CHARS_MAX


@pytest.mark.parametrize("query", ["(", "a{2,1}", "(?P<a>x)(?P<a>y)", "[", "x" * 3000, "", "two\nlines"])
def test_a_pattern_that_is_none_is_refused(files: Path, refusal: Call, query: str) -> None:
    assert refusal("search.lines", query=query, regex=True) == "search_pattern"


def test_a_pattern_that_would_take_for_ever_is_ended(
    files: Path, refusal: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "trap.txt").write_text("a" * 64 + "!\n")
    monkeypatch.setattr(search, "SECONDS_MAX", 1.0)
    before = time.monotonic()
    assert refusal("search.lines", query="(a+)+$", regex=True) == "search_too_slow"
    assert time.monotonic() - before < 10


def test_a_search_reads_nothing_through_a_link_that_leads_out(files: Path, call: Call) -> None:
    (files / "out").symlink_to("../outside")
    (files / "file").symlink_to("../outside/secret")
    assert found(call("search.lines", query="secret")) == []
