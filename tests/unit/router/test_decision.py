"""What the scripted model says or calls next."""

import pytest

from att.router.conversation import Conversation, Offer, Result
from att.router.decision import Call, Say, decide
from att.router.script import DEFAULT_FILE, Script, parse

NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
TEXT = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
ADD = Offer("add", "Add two numbers", NUMBERS)
SEARCH = Offer("search_notes", "Find notes that hold some words", TEXT)
CLOCK = Offer("current_datetime", "Returns the current date and time", {})
EMPTY = Script()
DEFAULT = parse(DEFAULT_FILE.read_text(encoding="utf-8"))


def ask(question: str, *offers: Offer, results: tuple[Result, ...] = (), must: bool = False) -> Conversation:
    return Conversation(question, offers, results, must)


def test_without_tools_it_echoes() -> None:
    assert decide(ask("the sea"), EMPTY) == Say("You said: the sea")


def test_a_tool_whose_name_is_in_the_message_is_called_with_its_numbers_in_order() -> None:
    assert decide(ask("please add 3 and 4", SEARCH, ADD), EMPTY) == Call("add", {"a": 3, "b": 4})


def test_a_tool_whose_description_shares_a_word_is_called() -> None:
    assert decide(ask("Do I have notes?", ADD, SEARCH), EMPTY) == Call("search_notes", {"query": "Do I have notes?"})


def test_a_message_that_shares_no_word_with_a_tool_calls_none() -> None:
    assert decide(ask("how are you?", ADD, SEARCH, CLOCK), EMPTY) == Say("You said: how are you?")


def test_what_the_tools_answered_is_the_answer() -> None:
    talk = ask("please add 3 and 4", ADD, results=(Result("add", "7"),))
    assert decide(talk, EMPTY) == Say("7")


def test_a_second_tool_is_called_when_its_name_is_in_the_message() -> None:
    talk = ask('add 3 and 4, then search "pasta"', ADD, SEARCH, results=(Result("add", "7"),))
    assert decide(talk, EMPTY) == Call("search_notes", {"query": "pasta"})


def test_after_a_result_a_shared_word_of_a_description_is_not_enough() -> None:
    talk = ask("add the numbers 3 and 4 of my notes words", ADD, SEARCH, results=(Result("search_notes", "none"),))
    assert decide(talk, EMPTY) == Call("add", {"a": 3, "b": 4})
    talk = ask("what date is it", CLOCK, Offer("moon", "date of the moon"), results=(Result("current_datetime", "x"),))
    assert decide(talk, EMPTY) == Say("x")


def test_when_a_tool_is_demanded_the_first_is_called_at_the_least_and_once() -> None:
    assert decide(ask("hm", SEARCH, ADD, must=True), EMPTY) == Call("search_notes", {"query": "hm"})
    talk = ask("hm", SEARCH, must=True, results=(Result("search_notes", "none"),))
    assert decide(talk, EMPTY) == Say("none")


def test_a_rule_says_its_text_with_groups_put_in() -> None:
    script = parse("rules: [{match: 'my name is (?P<name>\\w+)', say: 'Hello {name}, {nothing}{text}', pace_ms: 5}]")
    assert decide(ask("My name is Ada"), script) == Say("Hello Ada, My name is Ada", 5)


def test_a_rule_that_only_talks_gives_way_where_a_tool_is_demanded() -> None:
    script = parse("rules: [{match: hm, say: hello}]")
    assert decide(ask("hm", ADD, must=True), script) == Call("add", {"a": 0, "b": 0})


def test_a_rule_calls_the_tool_whose_name_it_describes_then_says_what_it_wants() -> None:
    script = parse("""
rules:
  - {match: '(?P<a>\\d+) und (?P<b>\\d+)(?P<x>x)?', call: '^a', say: 'It is {results}.'}
""")
    assert decide(ask("4 und 5", SEARCH, ADD), script) == Call("add", {"a": 4, "b": 5})
    assert decide(ask("4 und 5", ADD, results=(Result("add", "9"),)), script) == Say("It is 9.")


def test_a_rule_whose_tool_is_not_on_offer_is_passed_over() -> None:
    script = parse("rules: [{match: hm, call: add, say: never}]")
    assert decide(ask("hm", SEARCH), script) == Say("You said: hm")


def test_a_rules_arguments_are_templates_and_plain_values() -> None:
    script = parse("rules: [{match: '(?P<w>\\w+)!', call: find, arguments: {query: 'all {w}', most: 3, other: 1}}]")
    schema = {"properties": {"query": {"type": "string"}, "most": {"type": "integer"}}}
    assert decide(ask("cats!", Offer("find", "", schema)), script) == Call("find", {"query": "all cats", "most": 3})
    assert decide(ask("cats!", Offer("find")), script) == Call("find", {"query": "all cats", "most": 3, "other": 1})


@pytest.mark.parametrize(
    ("question", "tool", "arguments"),
    [
        ("what is 3 + 4?", "add", {"a": 3, "b": 4}),
        ("12 plus -5", "sum_numbers", {"a": 12, "b": -5}),
        ("6 times 7", "multiply", {"a": 6, "b": 7}),
        ("9 / 3", "divide", {"a": 9, "b": 3}),
        ("9 minus 3", "calculator.subtract", {"a": 9, "b": 3}),
    ],
)
def test_the_default_rules_know_sums(question: str, tool: str, arguments: dict[str, int]) -> None:
    others = (Offer("add_note", "", TEXT), Offer("unrelated", "", TEXT))
    found = decide(ask(question, Offer(tool, "", NUMBERS), *others), DEFAULT)
    assert found == Call(tool, arguments)


def test_the_default_rules_know_an_expression_and_the_time_and_a_greeting() -> None:
    calculator = Offer("calculator", "", {"properties": {"expression": {"type": "string"}}})
    assert decide(ask("please: 3 * (4 + 5)", calculator), DEFAULT) == Call("calculator", {"expression": "3 * (4 + 5)"})
    assert decide(ask("What time is it?", SEARCH, CLOCK), DEFAULT) == Call("current_datetime", {})
    hello = decide(ask("hello!", CLOCK), DEFAULT)
    assert isinstance(hello, Say)
    assert hello.text.startswith("Hello!")
    slow = decide(ask("speak slowly about the sea"), DEFAULT)
    assert isinstance(slow, Say)
    assert slow.pace_ms > 0
