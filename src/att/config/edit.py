"""Changes one setting in the text of a settings file; every other byte stays, comments too. Pure."""

import re

from att.config.document import Document, read
from att.kernel.errors import InvalidInput

_INDENT = 2
_NOTHING = re.compile(r"^\{\}[ \t]*$\n?", re.MULTILINE)
_VALUE = re.compile(r"""([\w-]+[ \t]*:[ \t]+)("[^"]*"|'[^']*'|[^\s#"'{\[|>&*!][^\s#]*)([ \t]*(?:#.*)?)""")


def with_setting(text: str, section: str, name: str, value: str) -> str:
    """Return the text with `section.name` set to the plain word `value`.

    Raises InvalidInput("config_uneditable") where the file's form does not let a line say it.
    """
    document = read(text)
    former = document.values.get(section)
    wanted = {**document.values, section: {**(former if isinstance(former, dict) else {}), name: value}}
    edited = "" if document.problems else _edited(text, document, section, name, value)
    after = read(edited)
    if document.problems or after.problems or after.values != wanted:
        raise InvalidInput(
            "config_uneditable", f"cannot set {section}.{name} in the settings file: it is written in another form"
        )
    return edited


def _edited(text: str, document: Document, section: str, name: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    at = document.places.get((section, name))
    if at is not None:
        line = lines[at.line - 1]
        head, tail = line[: at.column - 1], line[at.column - 1 :]
        lines[at.line - 1] = head + _VALUE.sub(lambda found: found[1] + value + found[3], tail, count=1)
        return "".join(lines)
    begun = document.places.get((section,))
    if begun is not None:
        inner = [place.column for path, place in document.places.items() if len(path) == 2 and path[0] == section]
        indent = " " * ((min(inner) if inner else begun.column + _INDENT) - 1)
        line = lines[begun.line - 1]
        lines[begun.line - 1] = line if line.endswith("\n") else line + "\n"
        lines.insert(begun.line, f"{indent}{name}: {value}\n")
        return "".join(lines)
    kept = text if document.values else _NOTHING.sub("", text)
    gap = "" if not kept or kept.endswith("\n") else "\n"
    return f"{kept}{gap}{section}:\n{' ' * _INDENT}{name}: {value}\n"
