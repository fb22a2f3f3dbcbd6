"""What holds for every value and every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tool_server.text import count
from tool_server.units import UNITS, CannotConvert, convert

units = st.sampled_from(sorted(UNITS))


@given(st.floats(min_value=-1e9, max_value=1e9), units, units)
def test_a_value_comes_back_when_converted_there_and_back(value: float, source: str, target: str) -> None:
    if UNITS[source][0] == UNITS[target][0]:
        assert convert(convert(value, source, target), target, source) == pytest.approx(value, abs=1e-6)
    else:
        with pytest.raises(CannotConvert):
            convert(value, source, target)


@given(st.lists(st.text(alphabet="abcäöü", min_size=1), max_size=20))
def test_as_many_words_are_counted_as_were_written(words: list[str]) -> None:
    counts = count(" ".join(words))
    assert counts.words == len(words)
    assert counts.lines == (1 if words else 0)
