"""What a request says is read the same from OpenAI's tools and from ReAct's text."""

import json

from att.router import react
from att.router.conversation import Offer, of_tools
from att.router.wire import CalledFunction, ChatRequest, Function, Message, Part, Tool, ToolCall

WEATHER = Tool(Function("weather", "Tells the weather", {"type": "object"}))
CLOCK = Tool(Function("clock"))
ASKED = Message("assistant", None, [ToolCall(CalledFunction("weather", "{}"), "call_1")])

PROMPT = """
Answer the following questions as best you can. You may ask the human to use the following tools:

weather: Tells the weather. Arguments must be provided as a valid JSON object following this format: \
{'city': FieldInfo(annotation=str, required=True), 'days': FieldInfo(annotation=Union[int, NoneType], required=False), \
'at': FieldInfo(annotation=list[float], required=True)}
clock: Tells the time

Action: the action to take, should be one of [weather,clock]

Action Input: the input to the action
Final Answer: the final answer to the original input question
"""


def request(*messages: Message, tools: list[Tool] | None = None, choice: object = None) -> ChatRequest:
    return ChatRequest("att-scripted", list(messages), tools=tools, tool_choice=choice)  # type: ignore[arg-type]  # any JSON


def test_the_last_words_of_the_user_are_the_question_and_results_are_those_since() -> None:
    talk = of_tools(
        request(
            Message("system", "be kind"),
            Message("user", "old"),
            Message("tool", "old result", tool_call_id="call_0"),
            Message("user", [Part("text", "new"), Part("image_url"), Part("text", "question")]),
            ASKED,
            Message("tool", "sunny", tool_call_id="call_1"),
            Message("tool", "who knows", tool_call_id="call_9"),
            tools=[WEATHER],
        )
    )
    assert talk.question == "new\nquestion"
    assert talk.offers == (Offer("weather", "Tells the weather", {"type": "object"}),)
    assert [(result.tool, result.text) for result in talk.results] == [("weather", "sunny"), ("tool", "who knows")]
    assert talk.open_offers == ()


def test_a_request_without_a_user_has_an_empty_question() -> None:
    assert of_tools(request(Message("system", "x"))).question == ""


def test_the_choice_of_tools_is_obeyed() -> None:
    both, user = [WEATHER, CLOCK], Message("user", "x")
    assert of_tools(request(user, tools=both, choice="none")).offers == ()
    assert not of_tools(request(user, tools=both, choice="auto")).must
    assert of_tools(request(user, tools=both, choice="required")).must
    assert not of_tools(request(user, choice="required")).must
    named = of_tools(request(user, tools=both, choice={"type": "function", "function": {"name": "clock"}}))
    assert ([offer.name for offer in named.offers], named.must) == (["clock"], True)
    nobody = of_tools(request(user, tools=both, choice={"type": "function", "function": 3}))
    assert (nobody.offers, nobody.must) == ((), False)


def test_react_is_known_by_its_prompt_and_not_where_tools_are_given() -> None:
    assert react.is_react(request(Message("system", PROMPT), Message("user", "x")))
    assert not react.is_react(request(Message("system", PROMPT), Message("user", "x"), tools=[CLOCK]))
    assert not react.is_react(request(Message("system", "Final Answer: Action Input:"), Message("user", "x")))
    assert not react.is_react(request(Message("assistant", PROMPT)))


def test_react_tools_are_read_with_their_schema() -> None:
    talk = react.of_text(request(Message("system", PROMPT), Message("user", "\nPrevious: -\n\nQuestion: Hot today?\n")))
    assert talk.react
    assert talk.question == "Hot today?"
    weather, clock = talk.offers
    assert (weather.name, weather.description) == ("weather", "Tells the weather")
    assert weather.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "at": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["city", "at"],
    }
    assert (clock.name, clock.description) == ("clock", "Tells the time")


def test_react_results_are_the_users_words_after_an_action() -> None:
    talk = react.of_text(
        request(
            Message("system", PROMPT),
            Message("user", "Question: Hot today?"),
            Message("assistant", "Thought: hm\nAction: weather\nAction Input: {}"),
            Message("user", "Observation: 30 degrees"),
            Message("assistant", "no form at all"),
            Message("user", "Invalid format"),
        )
    )
    assert [(result.tool, result.text) for result in talk.results] == [("weather", "30 degrees")]


def test_a_prompt_alone_has_no_question() -> None:
    assert react.of_text(request(Message("system", PROMPT))).question == ""
    assert react.of_text(request(Message("system", "x"))).offers == ()


def test_react_calls_hide_the_word_that_ends_their_input() -> None:
    text = react.call_text("note", {"text": "an Observation of observations"})
    given = text.partition("Action Input: ")[2]
    assert "bservation" in given
    assert "observation" not in given.lower()
    assert json.loads(given) == {"text": "an Observation of observations"}
    assert react.call_text("clock", {}).endswith("Action Input: None\n")
    assert react.answer_text("7").endswith("Final Answer: 7")
