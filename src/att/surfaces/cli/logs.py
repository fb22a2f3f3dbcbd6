"""The services' logs at the SSH door, without secrets (ADR 0015)."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from att.effects.processes import run
from att.kernel.errors import InvalidInput
from att.surfaces.cli.failure import OK
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from att.appliance import Facts

LINES_MAX = 5000
_SECONDS_MAX = 60.0
_CHARS_MAX = 16 * 1024 * 1024


def logs() -> click.Command:
    """The journal is there when the API is not; root alone may read it, and knows which values are secret."""
    from att.diagnostics.logs import LEVELS

    def act(unit: tuple[str, ...], since: str | None, level: str, lines: int, follow: bool) -> int:
        from att.appliance import facts
        from att.diagnostics.logs import query
        from att.surfaces.cli.root import become_root

        where = facts()
        command = query(where, unit, lines=lines, since=since, level=level, follow=follow)
        become_root("read the logs")
        clean = _cleaner(where)
        if follow:
            _follow(command, level, clean)
        else:
            _print(command, level, lines, clean)
        return OK

    return leaf(
        "logs",
        act,
        "Show what the services wrote, secrets taken out",
        "attctl logs api router --level warning --since -1h",
        [
            click.Argument(["unit"], nargs=-1, metavar="[UNIT]..."),
            click.Option(["--since"], metavar="TIME", help="From when on: -1h, yesterday, 2026-11-22 10:00."),
            click.Option(["--level"], type=click.Choice(LEVELS), default=LEVELS[0], help="Not what is less severe."),
            click.Option(["--lines", "-n"], type=click.IntRange(1, LINES_MAX), default=200, help="How many at most."),
            click.Option(["--follow"], is_flag=True, help="Go on until interrupted."),
        ],
        "\n\n\b\nArguments:\n  UNIT  api, front, router, launcher, … or apps, tasks, builds (default: all)",
    )


def _cleaner(where: "Facts") -> Callable[[str], str]:
    from att.diagnostics.held import held
    from att.diagnostics.known import known
    from att.diagnostics.redaction import redact
    from att.surfaces.cli.diag_wiring import sealed_places

    places = list(held(where, sealed_places(where)))
    for place in places:
        if place.problem:
            sys.stderr.write(f"warning: its values are taken out by name and form alone: {place.place}\n")
    secrets = known(value for place in places for value in place.values)
    return lambda text: redact(text, secrets).text


def _print(command: tuple[str, ...], level: str, lines: int, clean: Callable[[str], str]) -> None:
    from att.diagnostics.logs import shown

    ended = run(command, timeout_seconds=_SECONDS_MAX, output_chars_max=_CHARS_MAX)
    if not ended.ok:
        raise _unread("it takes too long" if ended.timed_out else ended.errors)
    text = "".join(f"{line}\n" for line in list(shown(ended.output.splitlines(), level))[-lines:])
    sys.stdout.write(clean(text))


def _follow(command: tuple[str, ...], level: str, clean: Callable[[str], str]) -> None:
    """Show each line as it comes: here a secret in two lines is seen where its lines are one entry."""
    from att.diagnostics.logs import shown

    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", errors="replace") as process,
    ):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        with contextlib.suppress(BrokenPipeError):
            try:
                for line in shown(process.stdout, level):
                    sys.stdout.write(f"{clean(line)}\n")
                    sys.stdout.flush()
                if process.wait(_SECONDS_MAX) > 0:
                    errors.seek(0)
                    raise _unread(errors.read(_CHARS_MAX))
            finally:
                process.terminate()


def _unread(errors: str) -> InvalidInput:
    why = errors.strip().rpartition("\n")[2]
    return InvalidInput("invalid_input", f"cannot read the logs: {why}", hint="attctl logs --help")
