"""Renders what the guide says of attctl: the man page, and the pages of commands, exit codes and error codes."""

from collections.abc import Iterator, Sequence

from att.kernel.codes import CODES
from att.surfaces.cli.failure import EXIT_CODES
from att.surfaces.cli.reference import Entry, Row, entries

MAN_PAGE = "docs/guide/attctl.1"
_FILES = (
    ("/etc/att/att.yaml", "the appliance's settings; attctl config show says what holds and who set it"),
    ("/usr/share/doc/att", "the guide of the running release, which attctl docs shows"),
    ("/var/log/att/audit.log", "upgrades, approvals and what root did to the machine, a line of JSON each"),
)
_VARIABLES = (
    ("ATT_URL", "another appliance, https://HOST:PORT, as --url"),
    ("ATT_TOKEN", "the API token, as --token"),
)


def man_page() -> str:
    """Return attctl(1) as roff, every command of the tree in it."""
    first, *others = entries()
    lines = [
        ".\\\" Made of attctl's own commands by `make generate`.",
        '.TH ATTCTL 1 "" "ATT" "ATT appliance"',
        ".ad l",
        ".SH NAME",
        "attctl \\- operate an ATT appliance",
        ".SH SYNOPSIS",
        f".B attctl\n{roff(first.usage)}",
        ".SH DESCRIPTION",
        "On the appliance it signs you in by your user; elsewhere give \\-\\-url and a token.",
        "Results go to stdout, all else to stderr. The guide is read with",
        '.BR "attctl docs" .',
        ".SH OPTIONS",
        "Every command takes these, before or behind it:",
        *_items(first.options),
        ".SH COMMANDS",
        *(line for entry in others for line in _section(entry)),
        ".SH EXIT STATUS",
        *_items([(str(code), f"{words}: {meaning}") for code, (words, meaning) in EXIT_CODES.items()]),
        ".SH ENVIRONMENT",
        *_items(_VARIABLES),
        ".SH FILES",
        *_items(_FILES),
        ".SH EXAMPLES",
        *_examples(first.examples),
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page that has each command with its usage, options and an example."""
    first, *others = entries()
    lines = [
        "# Commands",
        "",
        "Every command of `attctl`; `attctl COMMAND --help` and `man attctl` say the same.",
        "",
        *_table(("option of every command", "what it does"), _code(first.options)),
    ]
    for entry in others:
        lines += ["", f"{'##' if entry.group else '###'} {entry.path}", "", f"{entry.summary}."]
        if not entry.group:
            lines += ["", "```sh", *entry.examples, "```"]
        if rows := _code((*entry.arguments, *entry.options)) if not entry.group else []:
            lines += ["", *_table(("argument or option", "what it does"), rows)]
    return "\n".join(lines) + "\n"


def exit_codes_page() -> str:
    """Return the page of exit codes."""
    rows = [(f"`{code}`", words, meaning) for code, (words, meaning) in EXIT_CODES.items()]
    return (
        "\n".join(
            [
                "# Exit codes",
                "",
                "What `attctl` ends with, the same for every command.",
                "",
                *_table(("code", "says", "means"), rows),
                "",
                "After 2 and 4 there are two lines on stderr: `error[CODE]: cannot …: …` and `hint: …`.",
                "CODE is stable. [Error codes](error-codes.md) lists them all, and this explains one:",
                "",
                "```sh",
                "attctl explain write_fenced",
                "```",
                "",
                "`attctl status` tells a degraded appliance (3) from a broken one (4).",
            ]
        )
        + "\n"
    )


def error_codes_page() -> str:
    """Return the page of error codes."""
    return (
        "\n".join(
            [
                "# Error codes",
                "",
                "What each error code means for you: the hint that comes with it.",
                "",
                "`attctl` shows a code as `error[CODE]` on stderr, the console and REST in a problem as `code`,",
                "MCP in the result of a tool. `attctl explain CODE` says the same as this page.",
                "",
                *_table(("code", "what helps"), [(f"`{code}`", hint) for code, hint in sorted(CODES.items())]),
            ]
        )
        + "\n"
    )


def _section(entry: Entry) -> Iterator[str]:
    yield f".SS {roff(entry.path)}"
    yield f"{roff(entry.summary)}."
    if entry.group:
        return
    yield f".PP\n.B {roff(entry.path)}\n{roff(entry.usage)}"
    yield from _items([*entry.arguments, *entry.options])
    yield from _examples(entry.examples)


def _items(rows: Sequence[Row]) -> Iterator[str]:
    for name, text in rows:
        yield f".TP\n.B {roff(name)}\n{roff(text) or '.br'}"


def _examples(lines: Sequence[str]) -> Iterator[str]:
    yield ".PP\nExample:\n.PP\n.RS 4\n.nf"
    yield from map(roff, lines)
    yield ".fi\n.RE"


def roff(text: str) -> str:
    """Return the text so that roff sets each character as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    plain = plain.replace("…", "...").replace("→", "\\->")
    return f"\\&{plain}" if plain.startswith(".") else plain


def _code(rows: Sequence[Row]) -> list[Row]:
    return [(f"`{name}`", text) for name, text in rows]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    cells = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
