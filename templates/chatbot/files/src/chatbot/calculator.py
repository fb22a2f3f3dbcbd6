"""Arithmetic on text, without running it as code."""

import ast
import math
import operator
from collections.abc import Callable

CHARS_MAX = 200

Number = int | float

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


class CannotCalculate(ValueError):
    """The text is no arithmetic; the message says why."""


def calculate(expression: str) -> Number:
    """Return the value of an expression of numbers, + - * / // % and parentheses; raises CannotCalculate."""
    if len(expression) > CHARS_MAX:
        raise CannotCalculate(f"it has more than {CHARS_MAX} characters")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, CannotCalculate):
            raise
        raise CannotCalculate("it is no arithmetic") from error
    except ZeroDivisionError as error:
        raise CannotCalculate("it divides by zero") from error
    except OverflowError as error:
        raise CannotCalculate("its value is too large") from error
    if not math.isfinite(value):
        raise CannotCalculate("its value is too large")
    return value


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
        case _:
            raise CannotCalculate("only numbers, + - * / // % and parentheses are understood")


def shown(value: Number, decimals: int) -> str:
    """Return a value as people write it: whole numbers without a point."""
    if isinstance(value, int):
        return str(value)
    rounded = round(value, decimals)
    return str(int(rounded)) if rounded.is_integer() else str(rounded)
