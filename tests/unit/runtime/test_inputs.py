import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.errors import InvalidInput
from att.runtime.inputs import ASK_PATH, body_for, input_schema

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def _document(schema: Any, **schemas: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {
        "paths": {ASK_PATH: {"post": {"requestBody": {"content": content}}}},
        "components": {"schemas": schemas},
    }


def test_an_agent_is_asked_with_an_input_message() -> None:
    agent: dict[str, Any] = {"properties": {"input_message": {}, "messages": {}}}
    schema = input_schema(_document({"$ref": "#/components/schemas/Chat"}, Chat=agent))
    assert body_for(schema, "hi") == {"input_message": "hi"}


def test_a_chat_is_asked_with_a_list_of_messages() -> None:
    schema: dict[str, Any] = {"properties": {"messages": {}, "model": {}}}
    assert body_for(schema, "hi") == {"messages": [{"role": "user", "content": "hi"}]}


def test_a_function_of_one_argument_gets_that_argument() -> None:
    assert body_for({"properties": {"text": {}}}, "hi") == {"text": "hi"}
    assert body_for({"properties": {"text": {}, "style": {}}, "required": ["text"]}, "hi") == {"text": "hi"}


def test_a_bare_text_is_sent_as_it_is() -> None:
    assert body_for(input_schema(_document({"anyOf": [{"type": "null"}, {"type": "string"}]})), "hi") == "hi"


def test_a_workflow_that_takes_more_is_named_with_its_fields() -> None:
    with pytest.raises(InvalidInput) as told:
        body_for({"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}, "hi")
    assert (told.value.code, told.value.data["fields"]) == ("app_input", ["a", "b"])


def test_an_app_that_says_nothing_is_asked_like_an_agent() -> None:
    assert body_for(input_schema({}), "hi") == {"input_message": "hi"}


def test_a_schema_that_refers_to_itself_ends() -> None:
    loop = {"$ref": "#/components/schemas/Loop"}
    assert input_schema(_document(loop, Loop=loop)) == {}


@given(JSON, JSON)
def test_whatever_document_an_app_publishes_gives_a_body_or_a_refusal(document: Any, schema: Any) -> None:
    for one in (document, _document(schema)):
        with contextlib.suppress(InvalidInput):
            body_for(input_schema(one), "hi")
