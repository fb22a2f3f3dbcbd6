"""Every command as data for the man page and the guide, taken from the very tree that attctl parses and shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from att.surfaces.cli.app import root
from att.surfaces.cli.tree import CONTEXT, Group

Row = tuple[str, str]
_ITEM = re.compile(r"  (\S+)  +(.+)")


@dataclass(frozen=True)
class Entry:
    """One command or group: `usage` is what follows its path, arguments and options are (name, help) each."""

    path: str
    summary: str
    usage: str
    arguments: tuple[Row, ...]
    options: tuple[Row, ...]
    examples: tuple[str, ...]
    group: bool


def entries() -> Iterator[Entry]:
    """Yield attctl itself, then every group and command in the order of the help."""
    yield from _below(root(), click.Context(root(), info_name="attctl", **CONTEXT))


def _below(command: click.Command, context: click.Context) -> Iterator[Entry]:
    yield _entry(command, context)
    if isinstance(command, Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _below(inner, click.Context(inner, info_name=name, parent=context, **CONTEXT))


def _entry(command: click.Command, context: click.Context) -> Entry:
    text = command.help or ""
    items = map(_ITEM.fullmatch, _block(text, "Arguments"))
    explained = {item[1]: item[2] for item in items if item}
    named = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    records = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    return Entry(
        path=context.command_path,
        summary=text.partition("\n")[0].rstrip("."),
        usage=" ".join(command.collect_usage_pieces(context)),
        arguments=tuple((name, explained.get(name.strip("[]."), "")) for name in named),
        options=tuple(record for record in records if record),
        examples=tuple(line.strip() for line in _block(command.epilog or "", "Examples?")),
        group=isinstance(command, Group),
    )


def _block(text: str, head: str) -> list[str]:
    """Return the lines of the paragraph that begins with the line `head:`."""
    found = re.search(rf"^{head}:\n((?:.+\n?)+)", text, flags=re.MULTILINE)
    return found[1].splitlines() if found else []
