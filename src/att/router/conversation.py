"""What a chat request says, made plain: the question, the tools on offer, and what they answered since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from att.router.wire import ChatRequest, Message, Tool

RESULT_CHARS_MAX = 16_000


@dataclass(frozen=True)
class Offer:
    """A tool that may be called; `schema` is the JSON schema of its arguments."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What one call since the question gave."""

    tool: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """One turn to take. `must`: a tool has to be called; `react`: tools are written as text, see `att.router.react`."""

    question: str
    offers: tuple[Offer, ...] = ()
    results: tuple[Result, ...] = ()
    must: bool = False
    react: bool = False

    @property
    def open_offers(self) -> tuple[Offer, ...]:
        """The tools not called since the question."""
        called = {result.tool for result in self.results}
        return tuple(offer for offer in self.offers if offer.name not in called)


def of_tools(request: ChatRequest) -> Conversation:
    """Read a request whose tools come in `tools`."""
    asked = _last_question(request.messages)
    offers, must = _allowed(tuple(map(_offer, request.tools or ())), request.tool_choice)
    return Conversation(
        question=request.messages[asked].text if asked is not None else "",
        offers=offers,
        results=_results(request.messages[(asked or 0) :]),
        must=must,
    )


def _last_question(messages: Sequence[Message]) -> int | None:
    return next((at for at in reversed(range(len(messages))) if messages[at].role == "user"), None)


def _offer(tool: Tool) -> Offer:
    return Offer(tool.function.name, tool.function.description or "", tool.function.parameters or {})


def _allowed(offers: tuple[Offer, ...], choice: str | Mapping[str, Any] | None) -> tuple[tuple[Offer, ...], bool]:
    if choice == "none":
        return (), False
    if isinstance(choice, Mapping):
        function = choice.get("function")
        named = function.get("name") if isinstance(function, Mapping) else None
        kept = tuple(offer for offer in offers if offer.name == named)
        return kept, bool(kept)
    return offers, choice == "required" and bool(offers)


def _results(messages: Sequence[Message]) -> tuple[Result, ...]:
    names = {call.id: call.function.name for message in messages for call in message.tool_calls or ()}
    return tuple(
        Result(names.get(message.tool_call_id or "", "tool"), message.text[:RESULT_CHARS_MAX])
        for message in messages
        if message.role == "tool"
    )
