"""What holds for every expression."""

from hypothesis import given
from hypothesis import strategies as st

from chatbot.calculator import CannotCalculate, calculate

numbers = st.integers(min_value=-10_000, max_value=10_000)


@given(numbers, numbers, st.sampled_from("+-*"))
def test_two_numbers_give_what_python_gives(left: int, right: int, sign: str) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert calculate(f"({left}) {sign} ({right})") == expected


@given(st.text(max_size=250))
def test_any_text_gives_a_number_or_is_refused(text: str) -> None:
    try:
        value = calculate(text)
    except CannotCalculate as error:
        assert str(error)
    else:
        assert isinstance(value, int | float)
