"""What crosses the wire to OpenAI's clients: the parts of a request the scripted model reads, errors, answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from att.router.errors import BadRequest

TOOLS_MAX = 256
MESSAGES_MAX = 4096
DEPTH_MAX = 64
INPUTS_MAX = 2048
DIMENSIONS = 256
DIMENSIONS_MAX = 4096
NAME_CHARS_MAX = 256


class Part(msgspec.Struct):
    """One part of a message's content; parts without text (images) are not looked at."""

    type: str = "text"
    text: str | None = None


class CalledFunction(msgspec.Struct):
    """The function of a tool call as the assistant asked for it; `arguments` is JSON text."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct):
    """A tool call of an assistant's message."""

    function: CalledFunction
    id: str = ""


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined by newlines."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class Function(msgspec.Struct):
    """A function that may be called; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """One tool offered in a request."""

    function: Function
    type: str = "function"


class StreamOptions(msgspec.Struct):
    """Whether a stream ends with a chunk of usage."""

    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct):
    """Text, any JSON object, or JSON of a schema (under `json_schema.schema`)."""

    type: str
    json_schema: dict[str, Any] | None = None


class ChatRequest(msgspec.Struct):
    """`POST /v1/chat/completions`; fields that are not named here are taken and not looked at."""

    model: str
    messages: list[Message]
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    response_format: ResponseFormat | None = None


class EmbeddingRequest(msgspec.Struct):
    """`POST /v1/embeddings`: a text, texts, one list of tokens, or several."""

    model: str
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: int | None = None


class Addressed(msgspec.Struct):
    """What every request names, read without the rest."""

    model: str


def decode[T](body: bytes, kind: type[T]) -> T:
    """Return the body as `kind`; BadRequest names the member that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        param = where.rstrip("`").lstrip(".") or None
        raise BadRequest(f"cannot take the request: {what}", param=param) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"cannot take the request: it is no JSON ({error})"[:300]) from error


def check_chat(request: ChatRequest) -> None:
    """Hold a request against the limits; raises BadRequest."""
    if not request.messages:
        raise BadRequest("cannot take the request: there is no message", param="messages")
    for name, found, most in (("messages", request.messages, MESSAGES_MAX), ("tools", request.tools or [], TOOLS_MAX)):
        if len(found) > most:
            raise BadRequest(f"cannot take the request: at most {most} {name}", param=name)
    if request.n not in (None, 1):
        raise BadRequest("cannot take the request: the scripted model gives one choice, n must be 1", param="n")
    for limit in (request.max_tokens, request.max_completion_tokens):
        if limit is not None and limit < 1:
            raise BadRequest("cannot take the request: the limit of tokens must be at least 1", param="max_tokens")


def check_embedding(request: EmbeddingRequest) -> None:
    """Hold a request against the limits; raises BadRequest."""
    given = request.input
    if not given or (isinstance(given, list) and not all(isinstance(one, int) or one for one in given)):
        raise BadRequest("cannot take the request: the input is empty", param="input")
    if isinstance(given, list) and len({type(one) for one in given}) > 1:
        raise BadRequest("cannot take the request: the input is either texts or tokens", param="input")
    if isinstance(given, list) and len(given) > INPUTS_MAX and not isinstance(given[0], int):
        raise BadRequest(f"cannot take the request: at most {INPUTS_MAX} inputs", param="input")
    if request.dimensions is not None and not 1 <= request.dimensions <= DIMENSIONS_MAX:
        raise BadRequest(f"cannot take the request: dimensions must be 1 to {DIMENSIONS_MAX}", param="dimensions")
    if request.encoding_format not in (None, "float", "base64"):
        raise BadRequest("cannot take the request: encoding_format is float or base64", param="encoding_format")


def with_model(body: bytes, model: str) -> bytes:
    """Return the JSON object `body` with another `model`; the bytes of every other member's value stay as they are."""
    members: dict[str, msgspec.Raw] = decode(body, dict[str, msgspec.Raw])
    members["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(members)


def encode(value: Mapping[str, Any]) -> bytes:
    """Return JSON."""
    return msgspec.json.encode(value)


def event(value: Mapping[str, Any]) -> bytes:
    """Return one server-sent event; JSON holds no line break, so one `data:` line carries it."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
