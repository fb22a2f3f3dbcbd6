from att.kernel.codes import CODES
from att.kernel.errors import InvalidInput, NotFound


def test_codes_are_sorted_and_each_has_a_hint() -> None:
    assert list(CODES) == sorted(CODES)
    assert all(hint.strip() and not hint.endswith(".") for hint in CODES.values())


def test_an_error_takes_the_hint_of_its_code_unless_given_its_own() -> None:
    assert NotFound("not_found", "cannot show x: not there").hint == CODES["not_found"]
    assert InvalidInput("invalid_input", "cannot", hint="do that", field="a.b").hint == "do that"
