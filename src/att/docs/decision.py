"""What a page of the guide is called, which comes first, and which lines hold some words. Pure."""

from collections.abc import Iterable, Iterator

from att.docs.schema import DocsLine, DocsPage

ORDER = (
    *("first-steps", "upgrade-and-rollback", "backup", "network", "security-model"),
    *("exit-codes", "error-codes", "commands"),
)
"""The order in which a newcomer reads; what is not named here comes after, by name."""
FOUND_MAX = 100
_FENCE = "```"


def ordered(names: Iterable[str]) -> list[str]:
    """Return the names of pages in reading order."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def page_of(name: str, text: str) -> DocsPage:
    """Return what a list says of a page: its first heading, and the first paragraph under it."""
    paragraphs = [part.strip() for part in text.split("\n\n")]
    heads = [part for part in paragraphs if part.startswith("# ")]
    title = heads[0].removeprefix("# ") if heads else name
    following = paragraphs[paragraphs.index(heads[0]) + 1 :] if heads else paragraphs
    return DocsPage(name=name, title=title, summary=" ".join(following[0].split()) if following else "")


def lines_with(name: str, text: str, words: str) -> Iterator[DocsLine]:
    """Yield the lines of a page that hold all words, whatever their case; a heading counts as a line."""
    wanted = words.casefold().split()
    heading, in_code = "", False
    for line in map(str.strip, text.splitlines()):
        if line.startswith(_FENCE):
            in_code = not in_code
            continue
        if line.startswith("#") and not in_code:
            heading = line.lstrip("#").strip()
        if wanted and all(word in line.casefold() for word in wanted):
            yield DocsLine(page=name, heading=heading, line=line)
