"""Titles, order and lines of pages, as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.docs.decision import ORDER, lines_with, ordered, page_of
from att.docs.schema import DocsLine, DocsPage

TEXT = """# Backup

One file
holds all.

## The key

```sh
# attctl backup
attctl backup key >key.txt
```
Keep the KEY.
"""


def test_pages_come_in_the_order_of_a_newcomer_and_others_after_them_by_name() -> None:
    assert ordered(["zebra", "layout", "commands", "first-steps", "backup"]) == [
        *("first-steps", "backup", "commands"),
        *("layout", "zebra"),
    ]
    assert ordered(reversed(ORDER)) == list(ORDER)


@pytest.mark.parametrize(
    ("text", "title", "summary"),
    [
        (TEXT, "Backup", "One file holds all."),
        ("# Backup\n", "Backup", ""),
        ("Words\nalone.\n\nMore.", "name", "Words alone."),
    ],
)
def test_a_page_is_called_by_its_heading_and_told_by_its_first_paragraph(text: str, title: str, summary: str) -> None:
    assert page_of("name", text) == DocsPage(name="name", title=title, summary=summary)


def test_a_line_is_found_by_all_of_its_words_below_its_heading_and_a_comment_of_code_is_no_heading() -> None:
    assert list(lines_with("backup", TEXT, "key attctl")) == [
        DocsLine(page="backup", heading="The key", line="attctl backup key >key.txt")
    ]
    assert [one.line for one in lines_with("backup", TEXT, "key")] == [
        *("## The key", "attctl backup key >key.txt", "Keep the KEY."),
    ]
    assert list(lines_with("backup", TEXT, "sh")) == []


@given(st.text(), st.text(alphabet=" \t\n"))
def test_words_of_nothing_find_nothing(text: str, words: str) -> None:
    assert list(lines_with("page", text, words)) == []


@given(st.text(), st.text(min_size=1))
def test_what_is_found_holds_every_word(text: str, words: str) -> None:
    for line in lines_with("page", text, words):
        assert all(word in line.line.casefold() for word in words.casefold().split())
