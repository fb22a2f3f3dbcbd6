"""Fills a tool's arguments from the user's message, as the tool's JSON schema asks."""

import re
from collections.abc import Mapping
from typing import Any

DEPTH_MAX = 6
PROPERTIES_MAX = 64
NUMBERS_MAX = 64
TEXT_CHARS_MAX = 4_000
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,18}(?:\.\d{1,18})?(?![\w])")
_QUOTED = re.compile(r"\"([^\"]{1,2000})\"|“([^”]{1,2000})”|`([^`]{1,2000})`|(?<!\w)'([^']{1,2000})'(?!\w)")
_NO = re.compile(r"\b(?:no|not|never|false|off|without|don't)\b", re.IGNORECASE)


class Message:
    """The user's message, from which values are taken one after the other."""

    def __init__(self, text: str, groups: Mapping[str, str]) -> None:
        self.text = text[:TEXT_CHARS_MAX]
        self.groups = dict(groups)
        spans = list(_QUOTED.finditer(self.text))
        self.quoted = [next(filter(None, found.groups())) for found in spans]
        self.numbers = [found[0] for found in _NUMBER.finditer(_QUOTED.sub(" ", self.text))][:NUMBERS_MAX]

    def named(self, name: str) -> str | None:
        """Return what the message says of `name` itself: a group of the rule, `name: value`, `name is value`."""
        if name in self.groups:
            return self.groups[name]
        words = re.escape(name[:64]).replace("_", "[_ -]")
        said = re.search(
            rf"\b{words}\b\s*(?:=|:|\bis\b)\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s,;]+))", self.text, re.IGNORECASE
        )
        return next((value for value in said.groups() if value is not None), None) if said else None


def fill(schema: Mapping[str, Any], text: str, groups: Mapping[str, str]) -> dict[str, Any]:
    """Return arguments for an object schema: all that is required, and of the rest what the message names."""
    return _object(_plain(schema, schema), schema, Message(text, groups), 0)


def _object(node: Mapping[str, Any], root: Mapping[str, Any], message: Message, depth: int) -> dict[str, Any]:
    properties = _mapping(node.get("properties"))
    required = node.get("required")
    wanted = set(map(str, required)) if isinstance(required, list) else set()
    only = next(iter(properties)) if len(properties) == 1 else None
    found: dict[str, Any] = {}
    order = sorted(list(properties)[:PROPERTIES_MAX], key=lambda name: name not in wanted)
    for name in order:
        inner = _plain(properties[name], root)
        named = message.named(name)
        if named is not None:
            found[name] = _converted(inner, named, message)
        elif name in wanted or name == only or _waiting(inner, message):
            found[name] = _value(inner, root, message, depth)
    return found


def _waiting(node: Mapping[str, Any], message: Message) -> bool:
    """Whether the message still holds a value of this kind that nothing asked for."""
    match node.get("type"):
        case "integer" | "number":
            return bool(message.numbers)
        case "string" if not isinstance(node.get("enum"), list):
            return bool(message.quoted)
        case _:
            return False


def _value(node: Mapping[str, Any], root: Mapping[str, Any], message: Message, depth: int) -> Any:
    choices = node.get("enum")
    if isinstance(choices, list) and choices:
        return _choice(choices, message.text)
    if "const" in node:
        return node["const"]
    match node.get("type"):
        case "integer" | "number":
            return _converted(node, message.numbers.pop(0), message) if message.numbers else node.get("default", 0)
        case "boolean":
            return _NO.search(message.text) is None
        case "array":
            return _array(_plain(node.get("items"), root), root, message, depth)
        case "object":
            return _object(node, root, message, depth + 1) if depth < DEPTH_MAX else {}
        case "null":
            return None
        case _:
            return message.quoted.pop(0) if message.quoted else message.text


def _array(items: Mapping[str, Any], root: Mapping[str, Any], message: Message, depth: int) -> list[Any]:
    if items.get("type") in ("integer", "number"):
        numbers, message.numbers = message.numbers, []
        return [_converted(items, number, message) for number in numbers]
    if items.get("type") in (None, "string") and message.quoted:
        quoted, message.quoted = message.quoted, []
        return list(quoted)
    return [_value(items, root, message, depth + 1)] if depth < DEPTH_MAX else []


def _choice(choices: list[Any], text: str) -> Any:
    lowered = text.lower()
    return next((one for one in choices if str(one).lower() in lowered), choices[0])


def _converted(node: Mapping[str, Any], text: str, message: Message) -> Any:
    """Return what the message says of one name, as the schema's type where it can be one."""
    if text in message.numbers:
        message.numbers.remove(text)
    if text in message.quoted:
        message.quoted.remove(text)
    try:
        match node.get("type"):
            case "integer":
                return int(float(text))
            case "number":
                return float(text) if "." in text else int(text)
            case "boolean":
                return text.lower() not in ("false", "no", "off", "0")
            case "array":
                return [text]
            case _:
                return text
    except (ValueError, OverflowError):
        return text


def _plain(node: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with references followed and the first kind that is not null taken of several."""
    found = _mapping(node)
    for _ in range(DEPTH_MAX):
        reference = found.get("$ref")
        if isinstance(reference, str):
            found = _mapping(_mapping(root.get("$defs")).get(reference.rpartition("/")[2]))
            continue
        several = next((found[key] for key in ("anyOf", "oneOf", "allOf") if isinstance(found.get(key), list)), None)
        if several is None:
            break
        found = next((one for one in map(_mapping, several) if one.get("type") != "null"), {})
    kinds = found.get("type")
    if isinstance(kinds, list):
        return {**found, "type": next((kind for kind in kinds if kind != "null"), "null")}
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
