"""Help, man page and guide against the parser: no command without an example, no line that does not parse."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from dev import reference
from tests import guide

from att.kernel.codes import CODES
from att.surfaces.cli.app import root
from att.surfaces.cli.exempt import EXTRAS
from att.surfaces.cli.reference import Entry, entries
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import Group

REPOSITORY = Path(__file__).parents[4]
COMMANDS = [entry for entry in entries() if not entry.group]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in guide.GUIDE.glob("*.md")}
PAGES["README"] = (REPOSITORY / "README.md").read_text(encoding="utf-8")
WRITTEN = ("README", "first-steps", "network", "upgrade-and-rollback", "backup", "security-model", "exit-codes")


def reach(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that a command line ends at, and what is left for it; a UsageError where there is none."""
    command: click.Command = root()
    context = click.Context(command, info_name="attctl")
    rest = list(arguments)
    while isinstance(command, Group):
        _, rest, _ = command.make_parser(context).parse_args(rest)
        if not rest:
            break
        name, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command, context = inner, click.Context(inner, info_name=name, parent=context)
    return command, rest


def parse(arguments: list[str]) -> None:
    """Parse a whole command line; a UsageError says what is wrong with it."""
    command, rest = reach(arguments)
    assert not isinstance(command, Group), f"attctl {shlex.join(arguments)} is no whole command"
    if "--help" in rest:
        return
    command.make_context(command.name, rest, obj=Options())


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda one: one.path)
def test_every_command_says_what_it_does_and_has_an_example_that_is_a_working_command_line(entry: Entry) -> None:
    assert entry.summary
    assert entry.examples
    for example in entry.examples:
        assert example.startswith(entry.path)
        for arguments in guide.commands(example):
            parse(arguments)


def test_every_command_has_its_place_in_the_man_page_with_its_options_and_example() -> None:
    page = (REPOSITORY / reference.MAN_PAGE).read_text(encoding="utf-8")
    sections = dict(part.partition("\n")[::2] for part in page.split("\n.SS ")[1:])
    assert len(COMMANDS) > 100
    for entry in COMMANDS:
        section = sections[entry.path.replace("-", "\\-")]
        wanted = [name for name, _ in (*entry.arguments, *entry.options)] + list(entry.examples)
        assert [text for text in wanted if reference.roff(text) not in section] == [], entry.path


def test_the_generated_pages_of_the_guide_are_what_the_commands_and_codes_make() -> None:
    made = {
        reference.MAN_PAGE: reference.man_page(),
        "docs/guide/commands.md": reference.commands_page(),
        "docs/guide/exit-codes.md": reference.exit_codes_page(),
        "docs/guide/error-codes.md": reference.error_codes_page(),
    }
    for name, text in made.items():
        assert (REPOSITORY / name).read_text(encoding="utf-8") == text, f"{name} is stale: run `make generate`"


@pytest.mark.parametrize("page", WRITTEN)
def test_every_attctl_line_of_the_guide_parses(page: str) -> None:
    typed, mentioned = list(guide.typed(PAGES[page])), list(guide.mentioned(PAGES[page]))
    assert typed or mentioned
    for arguments in typed:
        parse(arguments)
    for arguments in mentioned:
        reach(arguments)


def test_a_line_that_no_longer_parses_would_be_found() -> None:
    for line in (
        "attctl upgrade applied a.attb",
        "attctl upgrade apply",
        "attctl status --colour",
        "ls | attctl token",
    ):
        (arguments,) = guide.commands(line)
        with pytest.raises((click.UsageError, AssertionError)):
            parse(arguments)


def test_every_attctl_that_a_hint_names_exists() -> None:
    for code, hint in CODES.items():
        for arguments in guide.mentioned(hint):
            assert reach(arguments), code


def test_links_between_pages_lead_to_pages() -> None:
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^):]+)\)", text) if name != "README" else ():
            assert (guide.GUIDE / target).is_file(), f"{name}: {target}"


def test_every_command_that_is_attctls_own_is_driven_by_a_test() -> None:
    """Those made of operations are all driven by the contract tests, which demand a case of each."""
    driven = {words for path in REPOSITORY.glob("tests/**/*.py") for words in lines_of(path)}
    for words in EXTRAS:
        assert any(line[: len(words)] == words for line in driven), f"no test runs attctl {' '.join(words)}"


def lines_of(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the command lines of a test: what attctl is called with, as far as they are words, and lists of those."""
    text = path.read_text(encoding="utf-8")
    if path == Path(__file__) or ("attctl" not in text and "told(" not in text):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("attctl", "told"):
            yield _words(node.args)
        elif isinstance(node, ast.Tuple | ast.List):
            yield _words(node.elts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "attctl " in node.value:
            yield tuple(node.value.partition("attctl ")[2].split())


def _words(nodes: list[ast.expr]) -> tuple[str, ...]:
    found: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple):
            found += _words(node.value.elts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        else:
            break
    while found and found[0].startswith("--"):
        found.pop(0)
    return tuple(found)
