"""What the MCP conformance suite asks for by name: tools, resources and prompts, mounted beside ATT's own."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

Context = ServerRequestContext[Any, Any]
Asked = types.CallToolRequestParams | types.GetPromptRequestParams
ToolResult = types.CallToolResult | types.InputRequiredResult
Run = Callable[[Context, types.CallToolRequestParams], Awaitable[ToolResult]]

# One red pixel, and a tenth of a second of silence.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STATE_KEY = b"of this test alone"
STEP_SECONDS = 0.02


def text(said: str) -> types.TextContent:
    return types.TextContent(type="text", text=said)


def embedded(uri: str, mime_type: str, said: str) -> types.EmbeddedResource:
    resource = types.TextResourceContents(uri=uri, mime_type=mime_type, text=said)
    return types.EmbeddedResource(type="resource", resource=resource)


def answer(*content: Any, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=list(content), is_error=is_error)


async def fixed(result: types.CallToolResult, _: Context, __: types.CallToolRequestParams) -> ToolResult:
    return result


async def with_logging(context: Context, _: types.CallToolRequestParams) -> ToolResult:
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", said, related_request_id=context.request_id)
        await anyio.sleep(STEP_SECONDS)
    return answer(text("Tool with logging executed successfully"))


async def with_progress(context: Context, _: types.CallToolRequestParams) -> ToolResult:
    for done in (0, 50, 100):
        await context.session.report_progress(float(done), 100.0, f"Completed step {done} of 100")
        await anyio.sleep(STEP_SECONDS)
    return answer(text("Tool with progress executed successfully"))


async def sampling(context: Context, params: types.CallToolRequestParams) -> ToolResult:
    prompt = str((params.arguments or {})["prompt"])
    message = types.SamplingMessage(role="user", content=text(prompt))
    result = await context.session.create_message([message], max_tokens=100, related_request_id=context.request_id)
    said = result.content.text if isinstance(result.content, types.TextContent) else "no text"
    return answer(text(f"LLM response: {said}"))


async def elicitation(schema: dict[str, Any], context: Context, params: types.CallToolRequestParams) -> ToolResult:
    message = str((params.arguments or {}).get("message", "Please provide what is asked for"))
    result = await context.session.elicit_form(message, schema, context.request_id)
    return answer(text(f"User response: action={result.action}, content={json.dumps(result.content)}"))


def form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


STATUS = ["active", "inactive", "pending"]
DEFAULTS = form(
    name={"type": "string", "default": "John Doe"},
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status={"type": "string", "enum": STATUS, "default": "active"},
    verified={"type": "boolean", "default": True},
)
TITLED = [{"const": "low", "title": "Low Priority"}, {"const": "high", "title": "High Priority"}]
ENUMS = form(
    untitledSingle={"type": "string", "enum": ["option1", "option2", "option3"]},
    titledSingle={"type": "string", "oneOf": TITLED},
    legacyEnum={"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    untitledMulti={"type": "array", "items": {"type": "string", "enum": ["option1", "option2"]}},
    titledMulti={"type": "array", "items": {"anyOf": TITLED}},
)


def ask_name(message: str = "What is your name?", name: str = "name", kind: str = "string") -> types.ElicitRequest:
    schema: Any = form(**{name: {"type": kind}})
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def ask_model(said: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=text(said))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=50))


def sealed(state: str) -> str:
    return f"{state}.{hmac.new(STATE_KEY, state.encode(), hashlib.sha256).hexdigest()}"


def opened(token: str | None) -> str:
    state = (token or "").partition(".")[0]
    if token is None or not hmac.compare_digest(token, sealed(state)):
        raise MCPError(types.INVALID_PARAMS, "requestState does not hold")
    return state


def inputs(params: Asked) -> Mapping[str, Any]:
    return params.input_responses or {}


async def asks(
    wanted: Mapping[str, Any], state: str | None, _: Context, params: types.CallToolRequestParams
) -> ToolResult:
    """Ask for everything in `wanted` at once; answer when all of it is there and the state holds."""
    if set(wanted) <= set(inputs(params)):
        said = opened(params.request_state) if state else "done"
        return answer(text(f"{said}: {json.dumps(sorted(wanted))}"))
    return types.InputRequiredResult(input_requests=dict(wanted), request_state=sealed(state) if state else None)


async def several_rounds(_: Context, params: types.CallToolRequestParams) -> ToolResult:
    step = opened(params.request_state) if params.request_state is not None else ""
    if step == "round-2" and "step2" in inputs(params):
        return answer(text("all rounds are done"))
    if step == "round-1" and "step1" in inputs(params):
        ask = ask_name("Step 2: What is your favorite color?", "color")
        return types.InputRequiredResult(input_requests={"step2": ask}, request_state=sealed("round-2"))
    ask = ask_name("Step 1: What is your name?")
    return types.InputRequiredResult(input_requests={"step1": ask}, request_state=sealed("round-1"))


async def what_the_client_can(context: Context, _: types.CallToolRequestParams) -> ToolResult:
    can = context.session.client_capabilities
    requests: dict[str, Any] = {}
    if can is not None and can.elicitation is not None:
        requests["name"] = ask_name()
    if can is not None and can.sampling is not None:
        requests["greeting"] = ask_model("Generate a greeting")
    return types.InputRequiredResult(input_requests=requests) if requests else answer(text("nothing to ask"))


async def needs_sampling(context: Context, _: types.CallToolRequestParams) -> ToolResult:
    can = context.session.client_capabilities
    if can is None or can.sampling is None:
        required = types.ClientCapabilities(sampling=types.SamplingCapability())
        data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=required)
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "this tool needs sampling",
            data.model_dump(mode="json", by_alias=True, exclude_none=True),
        )
    return answer(text("the client can sample"))


BROKEN = answer(text("This tool intentionally returns an error for testing"), is_error=True)
MIXED = answer(
    text("Multiple content types test:"),
    types.ImageContent(type="image", data=PIXEL, mime_type="image/png"),
    embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
)
NAME, CONFIRM = {"user_name": ask_name()}, {"confirm": ask_name("Please confirm", "ok", "boolean")}
CAPITAL = {"capital_question": ask_model("What is the capital of France?")}
ROOTS: dict[str, Any] = {"client_roots": types.ListRootsRequest()}
MANY = {**NAME, "greeting": ask_model("Generate a greeting"), **ROOTS}
TOOLS: dict[str, Run] = {
    "test_simple_text": partial(fixed, answer(text("This is a simple text response for testing."))),
    "test_image_content": partial(fixed, answer(types.ImageContent(type="image", data=PIXEL, mime_type="image/png"))),
    "test_audio_content": partial(fixed, answer(types.AudioContent(type="audio", data=SILENCE, mime_type="audio/wav"))),
    "test_embedded_resource": partial(
        fixed, answer(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."))
    ),
    "test_multiple_content_types": partial(fixed, MIXED),
    "test_error_handling": partial(fixed, BROKEN),
    "test_tool_with_logging": with_logging,
    "test_logging_tool": with_logging,
    "test_tool_with_progress": with_progress,
    "test_sampling": sampling,
    "test_elicitation": partial(elicitation, form(username={"type": "string"}, email={"type": "string"})),
    "test_elicitation_sep1034_defaults": partial(elicitation, DEFAULTS),
    "test_elicitation_sep1330_enums": partial(elicitation, ENUMS),
    "test_streaming_elicitation": partial(asks, NAME, None),
    "test_missing_capability": needs_sampling,
    "test_input_required_result_elicitation": partial(asks, NAME, None),
    "test_input_required_result_sampling": partial(asks, CAPITAL, None),
    "test_input_required_result_list_roots": partial(asks, ROOTS, None),
    "test_input_required_result_request_state": partial(asks, CONFIRM, "state-ok"),
    "test_input_required_result_tampered_state": partial(asks, CONFIRM, "state-ok"),
    "test_input_required_result_multiple_inputs": partial(asks, MANY, "state-ok"),
    "test_input_required_result_multi_round": several_rounds,
    "test_input_required_result_capabilities": what_the_client_can,
}
ARGUMENTS = {"test_sampling": ("prompt",), "test_elicitation": ("message",)}

RESOURCES: dict[str, types.TextResourceContents | types.BlobResourceContents] = {
    "test://static-text": types.TextResourceContents(
        uri="test://static-text", mime_type="text/plain", text="This is the content of the static text resource."
    ),
    "test://static-binary": types.BlobResourceContents(
        uri="test://static-binary", mime_type="image/png", blob=base64.b64encode(base64.b64decode(PIXEL)).decode()
    ),
    "test://watched-resource": types.TextResourceContents(
        uri="test://watched-resource", mime_type="text/plain", text="Watched resource content"
    ),
}
TEMPLATE = "test://template/{id}/data"


def tools() -> list[types.Tool]:
    return [
        types.Tool(
            name=name,
            description="A fixture of the conformance suite",
            input_schema=form(**{one: {"type": "string"} for one in ARGUMENTS.get(name, ())}),
        )
        for name in TOOLS
    ]


def resource(uri: str) -> types.TextResourceContents | types.BlobResourceContents | None:
    prefix, _, suffix = TEMPLATE.partition("{id}")
    if uri.startswith(prefix) and uri.endswith(suffix):
        found = uri.removeprefix(prefix).removesuffix(suffix)
        said = json.dumps({"id": found, "templateTest": True, "data": f"Data for ID: {found}"})
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=said)
    return RESOURCES.get(uri)


def _user(*content: Any) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=one) for one in content])


def simple(_: types.GetPromptRequestParams) -> types.GetPromptResult:
    return _user(text("This is a simple prompt for testing."))


def with_arguments(params: types.GetPromptRequestParams) -> types.GetPromptResult:
    given = params.arguments or {}
    return _user(text(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"))


def with_resource(params: types.GetPromptRequestParams) -> types.GetPromptResult:
    uri = str((params.arguments or {}).get("resourceUri", "test://example-resource"))
    return _user(
        embedded(uri, "text/plain", "Embedded resource content for testing."),
        text("Please process the embedded resource above."),
    )


def with_image(_: types.GetPromptRequestParams) -> types.GetPromptResult:
    image = types.ImageContent(type="image", data=PIXEL, mime_type="image/png")
    return _user(image, text("Please analyze the image above."))


def with_input(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    if "user_context" in inputs(params):
        return _user(text("A prompt in the context that was given"))
    ask = ask_name("What context should the prompt use?", "context")
    return types.InputRequiredResult(input_requests={"user_context": ask})


PROMPTS: dict[str, Callable[[types.GetPromptRequestParams], types.GetPromptResult | types.InputRequiredResult]] = {
    "test_simple_prompt": simple,
    "test_prompt_with_arguments": with_arguments,
    "test_prompt_with_embedded_resource": with_resource,
    "test_prompt_with_image": with_image,
    "test_input_required_result_prompt": with_input,
}
PROMPT_ARGUMENTS = {
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
}
