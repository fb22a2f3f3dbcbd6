"""The guide of this checkout, which a test may run without being its release, and of a folder."""

from pathlib import Path

import pytest

from att.docs.decision import FOUND_MAX, ORDER
from att.docs.service import guide
from att.kernel.errors import NotFound

GUIDE = Path(__file__).parents[3] / "docs" / "guide"


def test_the_guide_has_every_page_that_a_newcomer_needs_with_title_and_summary() -> None:
    pages = guide(GUIDE).pages
    assert [one.name for one in pages] == [*ORDER, "layout"]
    assert all(one.title and one.summary for one in pages)


def test_one_page_comes_with_its_text() -> None:
    found = guide(GUIDE, "backup")
    assert [one.name for one in found.pages] == ["backup"]
    assert found.text
    assert found.text.startswith("# Backup\n")


@pytest.mark.parametrize("page", ["none", "../layout", "attctl.1", ""])
def test_what_is_no_page_is_not_found(page: str) -> None:
    with pytest.raises(NotFound) as error:
        guide(GUIDE, page)
    assert error.value.code == "page_unknown"


def test_words_are_found_in_all_pages_or_in_one_and_only_so_many_times(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\n" + "a word\n" * (FOUND_MAX - 1))
    (tmp_path / "b.md").write_text("# B\n\na word\nanother word\n")
    found = guide(tmp_path, search="word")
    assert len(found.found) == FOUND_MAX
    assert {line.page for line in found.found} == {"a", "b"}
    assert [one.name for one in guide(tmp_path, "b", "ANOTHER").pages] == ["b"]
    assert guide(tmp_path, search="nothing").pages == []
