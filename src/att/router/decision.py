"""What the scripted model does next: say a text or call a tool. Pure: the same conversation, the same turn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from att.router.arguments import fill
from att.router.conversation import Conversation, Offer
from att.router.script import Ready, Script, filled
from att.router.words import chosen

LOOKED_AT_CHARS = 4_000
ANSWER_CHARS_MAX = 32_000


@dataclass(frozen=True)
class Say:
    """Answer with a text; `pace_ms` is the pause after each word of a stream."""

    text: str
    pace_ms: int = 0


@dataclass(frozen=True)
class Call:
    """Call a tool."""

    tool: str
    arguments: Mapping[str, Any]


def decide(talk: Conversation, script: Script) -> Say | Call:
    """Return the next turn: the first rule that can act, else a tool that fits, else the results, else an echo."""
    looked_at = talk.question[:LOOKED_AT_CHARS]
    for ready in script.rules:
        found = ready.match.search(looked_at)
        turn = _by_rule(ready, found, talk) if found else None
        if turn is not None:
            return turn
    fitting = chosen(looked_at, talk.open_offers, by_name=bool(talk.results))
    if fitting is None and talk.must and not talk.results:
        fitting = talk.offers[0]
    if fitting is not None:
        return Call(fitting.name, fill(fitting.schema, talk.question, {}))
    return Say(_text(script.answer if talk.results else script.otherwise, talk, {}))


def _by_rule(ready: Ready, found: re.Match[str], talk: Conversation) -> Say | Call | None:
    rule, groups = ready.rule, {name: value for name, value in found.groupdict().items() if value is not None}
    if ready.call is not None:
        offer = _named(ready.call, talk.open_offers)
        if offer is not None:
            return Call(offer.name, _arguments(ready, offer, talk, groups))
        if not any(ready.call.search(result.tool) for result in talk.results):
            return None
    if rule.say is None or (ready.call is None and talk.must and not talk.results):
        return None
    return Say(_text(rule.say, talk, groups), rule.pace_ms)


def _named(pattern: re.Pattern[str], offers: tuple[Offer, ...]) -> Offer | None:
    return next((offer for offer in offers if pattern.search(offer.name)), None)


def _arguments(ready: Ready, offer: Offer, talk: Conversation, groups: Mapping[str, str]) -> dict[str, Any]:
    texts = {name: value for name, value in ready.rule.arguments.items() if isinstance(value, str)}
    given = {name: filled(text, {**groups, "text": talk.question}) for name, text in texts.items()}
    found = fill(offer.schema, talk.question, {**groups, **given})
    known = offer.schema.get("properties")
    plain = {name: value for name, value in ready.rule.arguments.items() if name not in texts}
    rest = {**plain, **given} if not isinstance(known, Mapping) else {k: v for k, v in plain.items() if k in known}
    return {**found, **rest}


def _text(template: str, talk: Conversation, groups: Mapping[str, str]) -> str:
    results = "\n".join(result.text for result in talk.results)
    return filled(template, {**groups, "text": talk.question, "results": results})[:ANSWER_CHARS_MAX]
