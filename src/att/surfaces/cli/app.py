"""attctl from its arguments to its exit code."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from att.kernel.errors import AttError, InvalidInput
from att.surfaces.cli.exempt import EXTRAS
from att.surfaces.cli.failure import EXIT_CODES, INTERRUPTED, INVALID, OK, tell
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import Group, common_options

_HELP = """Operates an ATT appliance.

On the appliance it signs you in by your user; elsewhere give --url and a token. Results go to stdout, all else to
stderr.
"""
_EPILOG = f"""\b
Exit codes: {", ".join(f"{code} {words}" for code, (words, _) in EXIT_CODES.items())}.
After 4 error[CODE] on stderr says why, `attctl explain CODE` what helps; `attctl docs` is the guide.

\b
Examples:
  attctl status --json
  attctl upgrade plan att-1.2.0.attb
  attctl --url https://127.0.0.1:17443 --token-file admin-token job list
"""
_WIDTH = 100


def root() -> Group:
    """Return the command `attctl`."""

    def begin(**given: Any) -> None:
        as_json = given.pop("json")
        options = Options(**{name: value for name, value in given.items() if value is not None})
        click.get_current_context().obj = replace(options, format="json") if as_json else options

    return Group(
        (),
        EXTRAS,
        callback=begin,
        params=common_options(hidden=False),
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code; nothing but a mistake in ATT is raised."""
    try:
        code = root().main(args=args, prog_name="attctl", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return INVALID
    except click.UsageError as error:
        return tell(_usage(error))
    except AttError as error:
        return tell(error)
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return int(code or OK)


def help_tree() -> str:
    """Return the help of every command, one after the other: what `schemas/attctl.txt` holds."""
    return "\n\n".join(_helps(root(), click.Context(root(), info_name="attctl", **_PAGE))) + "\n"


_PAGE: dict[str, Any] = {"terminal_width": _WIDTH, "max_content_width": _WIDTH, "help_option_names": ["-h", "--help"]}


def _helps(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n{command.get_help(context)}"
    if isinstance(command, Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _helps(inner, click.Context(inner, info_name=name, parent=context, **_PAGE))


def _usage(error: click.UsageError) -> InvalidInput:
    message = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else "attctl"
    return InvalidInput(
        "invalid_input", f"cannot run {path}: {message[:1].lower()}{message[1:]}", hint=f"{path} --help"
    )
