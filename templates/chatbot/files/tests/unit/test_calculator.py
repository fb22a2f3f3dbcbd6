"""What the calculator answers and refuses."""

import pytest

from chatbot.calculator import CannotCalculate, calculate, shown


@pytest.mark.parametrize(
    ("expression", "value"),
    [("6 * 7", 42), ("2 + 3 * 4", 14), ("-(1 + 2)", -3), ("7 // 2", 3), ("7 % 4", 3), ("1 / 4", 0.25)],
)
def test_arithmetic_gives_its_value(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("1 / 0", "zero"),
        ("one", "only numbers"),
        ("", "no arithmetic"),
        ("2 ** 9", "only numbers"),
        ("__import__('os')", "only numbers"),
        ("True + 1", "only numbers"),
        ("1+" * 200 + "1", "characters"),
        ("1e308 * 10 // 1", "too large"),
    ],
)
def test_anything_else_is_refused_with_why(expression: str, why: str) -> None:
    with pytest.raises(CannotCalculate, match=why):
        calculate(expression)


@pytest.mark.parametrize(("value", "text"), [(42, "42"), (42.0, "42"), (1 / 3, "0.333"), (-0.5, "-0.5")])
def test_values_are_shown_as_people_write_them(value: float, text: str) -> None:
    assert shown(value, 3) == text
