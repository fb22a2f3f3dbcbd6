import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.errors import InvalidInput
from att.store.cursor import Rising, parse_cursor


@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=1, max_size=50))
def test_numbers_rise_whatever_the_clock_does(times: list[float]) -> None:
    clock = iter(times)
    rising = Rising(lambda: next(clock))
    given_out = [rising.next() for _ in times]
    assert given_out == sorted(set(given_out))


def test_numbers_are_above_what_the_table_holds() -> None:
    rising = Rising(lambda: 1.0)
    rising.above(5_000_000)
    assert rising.next() == 5_000_001
    rising.above(3)
    assert rising.next() == 5_000_002


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_a_cursor_reads_back(number: int) -> None:
    assert parse_cursor(str(number)) == number


@given(st.text().filter(lambda text: not (text.isascii() and text.isdigit() and len(text) <= 18)))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as told:
        parse_cursor(text)
    assert told.value.field == "cursor"
