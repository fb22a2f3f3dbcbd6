"""The command tree against the operations it is made from."""

import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel, Field

from att.kernel.operation import Effect, Kind, Operation, Role, Route
from att.surfaces.cli import exempt, generate
from att.surfaces.cli.app import root
from att.surfaces.cli.groups import GROUPS
from att.surfaces.cli.index import Parameter, specs
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import Group, command_of, common_options
from att.surfaces.table import operations

REPOSITORY = Path(__file__).parents[4]


def test_the_committed_index_and_help_are_what_the_operations_say() -> None:
    assert (REPOSITORY / generate.INDEX_PATH).read_text() == generate.render_index(), "run `make generate`"
    assert (REPOSITORY / generate.HELP_PATH).read_text() == generate.render_help(), "run `make generate`"


def test_every_operation_is_a_command_and_every_other_command_is_a_listed_exception() -> None:
    leaves = set(walk(root(), ()))
    from_table = {tuple(word.replace("_", "-") for word in one.words) for one in operations()}
    assert leaves == from_table | set(exempt.EXTRAS)
    assert from_table & set(exempt.EXTRAS) == set()
    assert all(maker.__doc__ for maker in exempt.EXTRAS.values()), "each exception says why it is one"


@pytest.mark.parametrize("operation", operations(), ids=lambda one: one.name)
def test_the_example_of_each_operation_is_a_working_command_line(operation: Operation) -> None:
    command = command_of(generate.spec_for(operation))
    context = command.make_context(operation.words[-1], shlex.split(operation.example), obj=Options())
    given = {name for name, value in context.params.items() if value not in (None, ())}
    assert given <= {*operation.request.model_fields, "wait", "yes"}


def test_every_group_of_commands_says_what_it_is_for() -> None:
    groups = {words[:depth] for words in specs() for depth in range(1, len(words))}
    assert groups - GROUPS.keys() == set()


def test_no_field_hides_behind_an_option_of_every_command() -> None:
    taken = {name for one in common_options(hidden=True) for name in [one.name]} | {"wait", "yes", "help"}
    for spec in specs().values():
        assert not taken & {one.name for one in spec.parameters}, spec.name


def walk(command: Group, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name in command.list_commands(None):
        inner = command.get_command(None, name)
        if isinstance(inner, Group):
            yield from walk(inner, (*words, name))
        else:
            yield (*words, name)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    deep: int


class Everything(BaseModel):
    item_id: str = Field(description="which one")
    upload: str
    text: str = Field(json_schema_extra={"cli": "file"})
    who: str = Field(json_schema_extra={"cli": "argument"})
    colour: Colour = Field(Colour.RED, description="which colour")
    colours: list[Colour] = []
    maybe: int | None = None
    share: float = 0.5
    on: bool = False
    names: list[str] | None = None
    deep: Inner | None = None
    mapping: dict[str, int] = {}


async def nothing(_context: Any, _request: Any) -> Any:
    return None


def everything() -> Operation:
    return Operation(
        "att.x.every_thing",
        "Do everything",
        Everything,
        Inner,
        Effect.DESTROY,
        Role.ADMIN,
        Route("POST", "/x/{item_id}"),
        nothing,
        kind=Kind.JOB,
    )


def test_each_kind_of_field_becomes_its_kind_of_parameter() -> None:
    found = {one.name: one for one in generate.spec_for(everything()).parameters}
    assert found["item_id"] == Parameter("item_id", "string", argument=True, required=True, help="which one")
    assert found["upload"] == Parameter("upload", "upload", argument=True, required=True)
    assert found["text"] == Parameter("text", "text", argument=True, required=True)
    assert found["who"] == Parameter("who", "string", argument=True, required=True)
    assert found["colour"].choices == ("red", "blue")
    assert (found["colour"].default, found["colour"].help) == ("red", "which colour")
    assert (found["colours"].multiple, found["colours"].choices) == (True, ("red", "blue"))
    assert (found["maybe"].type, found["share"].type, found["on"].type) == ("integer", "number", "boolean")
    assert (found["names"].type, found["names"].multiple) == ("string", True)
    assert (found["deep"].type, found["mapping"].type) == ("json", "json")


def parse(*arguments: str) -> dict[str, Any]:
    command = command_of(generate.spec_for(everything()))
    context = command.make_context("every-thing", [*arguments], obj=Options())
    return {name: value for name, value in context.params.items() if value not in (None, ())}


def test_arguments_and_options_are_parsed_to_their_types() -> None:
    assert parse(
        *("1", "bundle", "text", "ann", "--colour", "blue", "--colours", "red", "--colours", "blue", "--maybe", "3"),
        *("--share", "0.25", "--no-on", "--names", "a", "--deep", '{"deep": 1}', "--wait", "-y"),
    ) == {
        "item_id": "1",
        "upload": "bundle",
        "text": "text",
        "who": "ann",
        "colour": "blue",
        "colours": ("red", "blue"),
        "maybe": 3,
        "share": 0.25,
        "on": False,
        "names": ("a",),
        "deep": {"deep": 1},
        "wait": True,
        "yes": True,
    }


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="not JSON"):
        parse("1", "b", "t", "ann", "--deep", "{")
