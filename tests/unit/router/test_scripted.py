"""A turn as OpenAI's clients see it: whole and in chunks, cut where asked, the same for the same request."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.router.errors import BadRequest, GatewayError, TooBig
from att.router.script import DEFAULT_FILE, Script, parse
from att.router.scripted import MODEL, chunks, complete, embeddings, whole
from att.router.wire import (
    DONE,
    MESSAGES_MAX,
    TOOLS_MAX,
    ChatRequest,
    EmbeddingRequest,
    Message,
    decode,
    event,
    with_model,
)

SCRIPT = parse(DEFAULT_FILE.read_text(encoding="utf-8"))
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
REACT = "tools:\nadd: Add. \nAction: should be one of [add]\nAction Input: the input\nFinal Answer: the final answer"


def request(text: str = "the wide sea", **more: Any) -> ChatRequest:
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}
    return msgspec.convert(body, ChatRequest)


def answer(asked: ChatRequest) -> dict[str, Any]:
    return whole(complete(asked, SCRIPT, 7))


def together(asked: ChatRequest) -> tuple[str, list[dict[str, Any]], str | None]:
    """Put the deltas of a stream together: the text, the calls, the reason of the end."""
    text, calls, finish = "", list[dict[str, Any]](), None
    for chunk in chunks(complete(asked, SCRIPT, 7), usage=False):
        choice = chunk["choices"][0]
        finish = choice["finish_reason"] or finish
        text += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls", ()):
            if "id" in call:
                calls.append({"id": call["id"], "name": call["function"]["name"], "arguments": ""})
            calls[call["index"]]["arguments"] += call["function"]["arguments"]
    return text, calls, finish


def test_a_text_comes_whole() -> None:
    found = answer(request())
    assert found["object"] == "chat.completion"
    assert found["created"] == 7
    choice = found["choices"][0]
    assert choice["message"]["content"] == "You said: the wide sea"
    assert choice["finish_reason"] == "stop"
    assert found["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}


def test_a_call_comes_whole() -> None:
    choice = answer(request("add 3 and 4", tools=[ADD]))["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", "add")
    assert json.loads(call["function"]["arguments"]) == {"a": 3, "b": 4}


@pytest.mark.parametrize("more", [{}, {"tools": [ADD]}, {"max_tokens": 3}])
def test_the_chunks_together_are_the_whole(more: dict[str, Any]) -> None:
    asked = request("add 3 and 4", **more)
    expected = answer(asked)["choices"][0]
    text, calls, finish = together(asked)
    assert text == (expected["message"]["content"] or "")
    assert finish == expected["finish_reason"]
    assert [(one["id"], one["name"], one["arguments"]) for one in calls] == [
        (one["id"], one["function"]["name"], one["function"]["arguments"])
        for one in expected["message"].get("tool_calls", ())
    ]


def test_usage_is_the_last_chunk_where_asked_for() -> None:
    made = complete(request(), SCRIPT, 7)
    *rest, last = chunks(made, usage=True)
    assert last["choices"] == []
    assert last["usage"] == made.usage
    assert all(chunk["usage"] is None for chunk in rest)
    assert not any("usage" in chunk for chunk in chunks(made, usage=False))


def test_an_answer_is_cut_at_its_limit_and_at_stop_words() -> None:
    assert answer(request(max_completion_tokens=2))["choices"][0]["message"]["content"] == "You said:"
    assert answer(request(max_tokens=2))["choices"][0]["finish_reason"] == "length"
    assert answer(request(stop="wide"))["choices"][0]["message"]["content"] == "You said: the "
    stopped = answer(request(stop=["none", "sea", "wide", ""]))["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("You said: the ", "stop")


def test_json_is_answered_where_it_is_asked_for() -> None:
    def content(form: dict[str, Any]) -> Any:
        return json.loads(answer(request("of 4", response_format=form))["choices"][0]["message"]["content"])

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert content({"type": "json_object"}) == {"answer": "You said: of 4"}
    assert content({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}) == {"n": 4}
    text = answer(request("of 4", response_format={"type": "text"}))["choices"][0]["message"]["content"]
    assert text == "You said: of 4"


def test_json_of_a_schema_is_taken_from_the_last_result() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    asked = request("of 4", response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    asked.messages.append(Message("tool", "it is 9"))
    assert json.loads(answer(asked)["choices"][0]["message"]["content"]) == {"n": 9}


def test_react_is_answered_in_its_own_form() -> None:
    asked = request("Question: add it")
    asked.messages.insert(0, Message("system", REACT))
    assert "Action: add\n" in answer(asked)["choices"][0]["message"]["content"]
    asked.messages += [Message("assistant", "Action: add"), Message("user", "7")]
    assert answer(asked)["choices"][0]["message"]["content"].endswith("Final Answer: 7")


def test_a_paced_rule_gives_a_paced_answer() -> None:
    assert complete(request("speak slowly"), SCRIPT, 7).pace_ms == 200


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": []}, "messages"),
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "user"}] * (MESSAGES_MAX + 1)}, "messages"),
        ({"tools": [ADD] * (TOOLS_MAX + 1)}, "tools"),
    ],
)
def test_what_passes_a_limit_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as told:
        complete(request(**more), SCRIPT, 7)
    assert told.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        (b"[]", None),
        (b"[" * 100_000, None),
        (b"{}", None),
        (b'{"model": 3}', "model"),
        (b'{"model": "x", "messages": [{"role": "user", "content": 3}]}', "messages[0].content"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as told:
        decode(body, ChatRequest)
    assert told.value.param == param
    assert told.value.body()["error"]["type"] == "invalid_request_error"


messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer", "x"])},
        optional={
            "content": st.none()
            | st.text(max_size=60)
            | st.lists(st.fixed_dictionaries({"text": st.text()}), max_size=2),
            "tool_call_id": st.text(max_size=4),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"id": st.text(max_size=4), "function": st.fixed_dictionaries({"name": st.text()})}
                ),
                max_size=2,
            ),
        },
    ),
    min_size=1,
    max_size=6,
)
tools = st.lists(
    st.just(ADD) | st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": st.text()})}), max_size=3
)


@given(messages, tools, st.sampled_from(["none", "auto", "required", None]), st.booleans())
def test_any_conversation_is_answered_and_the_same_one_the_same(
    said: list[Any], offered: list[Any], choice: str | None, react: bool
) -> None:
    given_messages = [*([{"role": "system", "content": REACT}] if react else []), *said]
    body = msgspec.json.encode({"model": MODEL, "messages": given_messages, "tools": offered, "tool_choice": choice})
    one, other = (list(chunks(complete(decode(body, ChatRequest), SCRIPT, 7), usage=True)) for _ in range(2))
    assert one == other


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()), max_size=5))
def test_one_event_is_one_frame_whatever_it_holds(value: dict[str, Any]) -> None:
    framed = event(value)
    assert framed.endswith(b"\n\n")
    assert framed.count(b"\n") == 2
    assert framed.count(b"\r") == 0
    assert json.loads(framed.removeprefix(b"data: ")) == value
    assert framed != DONE


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.lists(st.integers()),
        max_size=5,
    ),
    st.text(),
)
def test_another_model_changes_nothing_else(members: dict[str, Any], model: str) -> None:
    body = json.dumps({**members, "model": "old"}).encode()
    assert json.loads(with_model(body, model)) == {**members, "model": model}


def test_numbers_and_escapes_stay_as_they_were_written() -> None:
    body = b'{"model": "a", "seed": 12345678901234567890123, "top_p": 1.10, "messages": [{"content": "\\u00e4 \\/"}]}'
    assert with_model(body, "b") == (
        b'{"model":"b","seed":12345678901234567890123,"top_p":1.10,"messages":[{"content": "\\u00e4 \\/"}]}'
    )


def embed(given_input: Any, **more: Any) -> dict[str, Any]:
    return embeddings(msgspec.convert({"model": MODEL, "input": given_input, **more}, EmbeddingRequest))


def test_each_input_has_an_embedding_in_its_place() -> None:
    found = embed(["a", "b"])
    assert [one["index"] for one in found["data"]] == [0, 1]
    assert len(found["data"][0]["embedding"]) == 256
    assert found["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert len(embed([1, 2, 3])["data"]) == 1
    assert len(embed([[1, 2], [3]])["data"]) == 2
    assert isinstance(embed("x", encoding_format="base64")["data"][0]["embedding"], str)


@pytest.mark.parametrize(
    ("given_input", "more", "param"),
    [
        ("", {}, "input"),
        ([], {}, "input"),
        (["a", ""], {}, "input"),
        (["a", 1], {}, "input"),
        (["a"] * 3000, {}, "input"),
        ("a", {"dimensions": 0}, "dimensions"),
        ("a", {"dimensions": 9999}, "dimensions"),
        ("a", {"encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_wrong_request_for_embeddings_is_refused_by_name(given_input: Any, more: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as told:
        embed(given_input, **more)
    assert told.value.param == param


def test_too_much_text_is_refused() -> None:
    with pytest.raises(TooBig):
        embed(["x" * 600_000] * 2)


def test_an_error_has_openais_shape() -> None:
    assert GatewayError("it failed").body() == {
        "error": {"message": "it failed", "type": "server_error", "param": None, "code": "internal"}
    }


def test_a_script_without_rules_works() -> None:
    assert complete(request(), Script(), 7).pieces
