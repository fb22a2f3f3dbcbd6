"""The ReAct form: tools described in the prompt and called in the text, `Thought` `Action` `Action Input`."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from att.router.conversation import RESULT_CHARS_MAX, Conversation, Offer, Result
from att.router.wire import ChatRequest, Message

_LINE_CHARS_MAX = 20_000
_NAMES = re.compile(r"should be one of \[([^\]\n]{0,20000})\]", re.IGNORECASE)
_ACTION = re.compile(r"^\s*Action\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_QUESTION = re.compile(r"^\s*Question\s*:\s*", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"'(\w+)': FieldInfo\(annotation=([\w\[\], .|]+?), (?:required=(True|False)|default=)")
_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}


def is_react(request: ChatRequest) -> bool:
    """Whether the system prompt asks for this form."""
    return not request.tools and _prompt(request.messages) is not None


def of_text(request: ChatRequest) -> Conversation:
    """Read a request in this form: the question and what was observed since."""
    prompt = _prompt(request.messages) or ""
    talk = [message for message in request.messages if message.role in ("user", "assistant")]
    question = _question(talk[0].text) if talk else ""
    return Conversation(question, _offers(prompt), _observed(talk[1:]), react=True)


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """Return how a tool is called in this form."""
    # A reader of this form ends the input at the word "observation": hidden inside JSON, where it means the same.
    given = re.sub("(?i)o(?=bservation)", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(arguments))
    return f"Thought: I should use the tool {name}\nAction: {name}\nAction Input: {given if arguments else None}\n"


def answer_text(text: str) -> str:
    """Return how the last word is said in this form."""
    return f"Thought: I now know the final answer\nFinal Answer: {text}"


def _prompt(messages: Sequence[Message]) -> str | None:
    for message in messages:
        if message.role in ("system", "developer", "user"):
            text = message.text
            if "Action Input:" in text and "Final Answer:" in text and _NAMES.search(text):
                return text
    return None


def _question(text: str) -> str:
    parts = _QUESTION.split(text)
    return parts[-1].strip()


def _offers(prompt: str) -> tuple[Offer, ...]:
    listed = _NAMES.search(prompt)
    names = [name.strip() for name in listed[1].split(",")] if listed else []
    lines = prompt.splitlines()
    return tuple(_offer(name, lines) for name in dict.fromkeys(names) if name)


def _offer(name: str, lines: Sequence[str]) -> Offer:
    line = next((line for line in lines if line.startswith((f"{name}:", f"{name}(", f"{name} -"))), "")
    described, _, fields = line[len(name) : _LINE_CHARS_MAX].partition("Arguments must be provided")
    return Offer(name, described.strip(": -."), _schema(fields))


def _schema(fields: str) -> dict[str, Any]:
    found = _FIELD.findall(fields)
    properties = {name: _node(annotation) for name, annotation, _ in found}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name, _, required in found if required == "True"],
    }


def _node(annotation: str) -> dict[str, Any]:
    plain = annotation.removeprefix("Union[").split(",")[0].split("|")[0].strip()
    if plain.startswith("list"):
        inner = plain.removeprefix("list").strip("[]")
        return {"type": "array", "items": {"type": _TYPES.get(inner, "string")}}
    return {"type": _TYPES.get(plain, "string")}


def _observed(talk: Sequence[Message]) -> tuple[Result, ...]:
    results, called = [], None
    for message in talk:
        if message.role == "assistant":
            action = _ACTION.search(message.text)
            called = action[1] if action else None
        elif called is not None:
            text = message.text.removeprefix("Observation:").strip()
            results.append(Result(called, text[:RESULT_CHARS_MAX]))
            called = None
    return tuple(results)
