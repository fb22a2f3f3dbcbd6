"""Which of the tools on offer a message speaks of, by the words of their names and descriptions."""

import re
from collections.abc import Sequence

from att.router.conversation import Offer

_NAME_WEIGHT = 3
_TEXT_CHARS_MAX = 8_000
_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+|[^\W\d_]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """
    a about after all also am an and any are argument as at based be been before but by call called can could did do
    does for from function get give given had has have he help her here his how i if in information input into is it
    its just let like make may me more my need no not now of on one or our out output parameter please
    result return returns say she should so some string such take takes tell text than that the their them then
    there these they this those to too tool up use used user uses using value very want was we were what when where
    which who why will with would yes you your
""",
    )
)


def chosen(message: str, offers: Sequence[Offer], *, by_name: bool) -> Offer | None:
    """Return the tool that shares most words with the message, the first of equals; None where none shares any.

    With `by_name` a word of its name must be among them.
    """
    said = significant(message)
    best, most = None, 0
    for offer in offers:
        named = len(said & significant(offer.name))
        score = _NAME_WEIGHT * named + len(said & significant(offer.description))
        if score > most and (named or not by_name):
            best, most = offer, score
    return best


def significant(text: str) -> frozenset[str]:
    """Return the stems of the words that say something."""
    words = (word.lower() for word in _WORD.findall(text[:_TEXT_CHARS_MAX]))
    return frozenset(_stem(word) for word in words if len(word) > 1 and word not in _STOP)


def _stem(word: str) -> str:
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("s").removesuffix("e") if len(word) > 3 else word
