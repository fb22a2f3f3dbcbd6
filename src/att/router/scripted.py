"""The scripted model as OpenAI's clients see it: one turn as a completion, or as the chunks of a stream."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from att.router import react
from att.router.arguments import fill
from att.router.conversation import Conversation, of_tools
from att.router.decision import Call, Say, decide
from att.router.embedding import as_base64, as_text, embed
from att.router.errors import TooBig
from att.router.script import Script
from att.router.wire import DIMENSIONS, ChatRequest, EmbeddingRequest, ResponseFormat, check_chat, check_embedding

MODEL = "att-scripted"
OWNER = "att"
EMBEDDED_CHARS_MAX = 1_000_000
_PIECE = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True)
class Completion:
    """One answer: `pieces` are its tokens, of the text or of the call's arguments."""

    id: str
    created: int
    model: str
    pieces: tuple[str, ...]
    finish: str
    prompt_tokens: int
    tool: str | None = None
    pace_ms: int = 0

    @property
    def usage(self) -> dict[str, int]:
        """Counts of tokens, as many as there are words."""
        given, made = self.prompt_tokens, max(1, len(self.pieces))
        return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}

    @property
    def call_id(self) -> str:
        """The id of the tool call."""
        return "call_" + self.id.rpartition("-")[2]


def complete(request: ChatRequest, script: Script, created: int) -> Completion:
    """Return the scripted model's answer; raises BadRequest. Only `created` is not made of the request and script."""
    check_chat(request)
    written = react.is_react(request)
    talk = react.of_text(request) if written else of_tools(request)
    turn = decide(talk, script)
    identity = hashlib.blake2b(msgspec.json.encode(request), digest_size=12).hexdigest()
    tool, text = _spoken(turn, request, talk)
    pieces, finish = (_pieces(text), "tool_calls") if tool else _cut(text, request)
    return Completion(
        id=f"chatcmpl-{identity}",
        created=created,
        model=request.model,
        pieces=pieces,
        finish=finish,
        prompt_tokens=sum(len(message.text.split()) + 1 for message in request.messages),
        tool=tool,
        pace_ms=turn.pace_ms if isinstance(turn, Say) else 0,
    )


def _spoken(turn: Say | Call, request: ChatRequest, talk: Conversation) -> tuple[str | None, str]:
    """Return the tool that is called in OpenAI's form and its arguments as JSON, or None and the text."""
    match turn:
        case Call(tool, arguments) if talk.react:
            return None, react.call_text(tool, arguments)
        case Call(tool, arguments):
            return tool, json.dumps(dict(arguments), ensure_ascii=False)
        case Say(text):
            if talk.react:
                return None, react.answer_text(text)
            return None, _formed(text, request.response_format, talk)


def _formed(text: str, form: ResponseFormat | None, talk: Conversation) -> str:
    if form is None or form.type == "text":
        return text
    schema = (form.json_schema or {}).get("schema")
    if not isinstance(schema, Mapping):
        return json.dumps({"answer": text}, ensure_ascii=False)
    return json.dumps(fill(schema, talk.results[-1].text if talk.results else talk.question, {}), ensure_ascii=False)


def _cut(text: str, request: ChatRequest) -> tuple[tuple[str, ...], str]:
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    ends = [at for at in (text.find(stop) for stop in stops if stop) if at >= 0]
    pieces = _pieces(text[: min(ends)] if ends else text)
    most = request.max_completion_tokens or request.max_tokens
    if most is not None and len(pieces) > most:
        return pieces[:most], "length"
    return pieces, "stop"


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(_PIECE.findall(text))


def whole(answer: Completion) -> dict[str, Any]:
    """Return the answer as one `chat.completion`."""
    text = "".join(answer.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if answer.tool is not None:
        function = {"name": answer.tool, "arguments": text}
        calls = [{"id": answer.call_id, "type": "function", "function": function}]
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
    return {**_head(answer, "chat.completion"), "choices": [choice], "usage": answer.usage}


def chunks(answer: Completion, *, usage: bool) -> Iterator[dict[str, Any]]:
    """Return the answer as `chat.completion.chunk`s; with `usage` the last one counts tokens and has no choice."""
    head = _head(answer, "chat.completion.chunk")
    for delta, finish in _deltas(answer):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        yield {**head, "choices": [choice], **({"usage": None} if usage else {})}
    if usage:
        yield {**head, "choices": [], "usage": answer.usage}


def _deltas(answer: Completion) -> Iterator[tuple[dict[str, Any], str | None]]:
    if answer.tool is None:
        yield {"role": "assistant", "content": ""}, None
        for piece in answer.pieces:
            yield {"content": piece}, None
    else:
        function = {"name": answer.tool, "arguments": ""}
        call = {"index": 0, "id": answer.call_id, "type": "function", "function": function}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}, None
        for piece in answer.pieces:
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, None
    yield {}, answer.finish


def _head(answer: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": kind,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": None,
    }


def embeddings(request: EmbeddingRequest) -> dict[str, Any]:
    """Return the embeddings of a request; raises BadRequest, TooBig. CPU work: call it in a thread."""
    check_embedding(request)
    texts = _texts(request.input)
    if sum(map(len, texts)) > EMBEDDED_CHARS_MAX:
        raise TooBig(f"cannot embed the input: at most {EMBEDDED_CHARS_MAX} characters a request", param="input")
    tokens = sum(len(text.split()) or 1 for text in texts)
    vectors = [embed(text, request.dimensions or DIMENSIONS) for text in texts]
    packed = request.encoding_format == "base64"
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": as_base64(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: str | list[str | int | list[int]]) -> list[str]:
    if isinstance(given, str):
        return [given]
    tokens = [one for one in given if isinstance(one, int)]
    return [as_text(tokens)] if tokens else [as_text(one) for one in given if not isinstance(one, int)]
