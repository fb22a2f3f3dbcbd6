"""What the tools answer and refuse."""

import pytest

from tool_server.text import Counts, count
from tool_server.units import CannotConvert, convert


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [(5, "km", "m", 5000), (1, "mi", "km", 1.609344), (12, "in", "ft", 1), (90, "min", "h", 1.5), (0, "g", "lb", 0)],
)
def test_a_value_is_converted(value: float, source: str, target: str, result: float) -> None:
    assert convert(value, source, target) == pytest.approx(result)


@pytest.mark.parametrize(
    ("source", "target", "why"), [("km", "kg", "km is a length, kg is a mass"), ("parsec", "m", "no unit 'parsec'")]
)
def test_units_that_do_not_fit_are_refused_with_why(source: str, target: str, why: str) -> None:
    with pytest.raises(CannotConvert, match=why):
        convert(1, source, target)


@pytest.mark.parametrize(
    ("text", "counts"), [("", Counts(0, 0, 0)), ("one two", Counts(7, 2, 1)), ("a\nb\n", Counts(4, 2, 2))]
)
def test_a_text_is_counted(text: str, counts: Counts) -> None:
    assert count(text) == counts
