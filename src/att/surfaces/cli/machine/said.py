"""How a command of this room reads a file it is given, and says what it found."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from att.surfaces.cli import output
from att.surfaces.cli.target import Options

if TYPE_CHECKING:
    from pydantic import BaseModel


def show(value: "BaseModel") -> None:
    """Write a result in the form that was asked for."""
    options: Options = click.get_current_context().obj
    output.show(value.model_dump(mode="json"), options.format)


def warn(lines: Sequence[str]) -> None:
    """Write what is worth knowing to stderr."""
    sys.stderr.writelines(f"warning: {line}\n" for line in lines)


def yes_option() -> click.Option:
    """The option of a command that asks first."""
    return click.Option(["--yes", "-y"], is_flag=True, help="Do not ask first.")
