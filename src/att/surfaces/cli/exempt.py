"""The commands that are attctl's alone, each with why: a contract test holds this list against the operations."""

import sys
from collections.abc import Mapping
from difflib import get_close_matches

import click

from att._version import __version__
from att.kernel.codes import CODES
from att.kernel.errors import InvalidInput
from att.surfaces.cli import backup, bootstrap, diag, figures, logs, output
from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine import COMMANDS
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import Extra, Words, leaf

SHELLS = ("bash", "zsh", "fish")


def _options() -> Options:
    found: Options = click.get_current_context().obj
    return found


def completion() -> click.Command:
    """For the shell that attctl runs in."""

    def act(shell: str) -> int:
        from click.shell_completion import get_completion_class

        made = get_completion_class(shell)
        if made is None:
            raise InvalidInput("invalid_input", f"cannot complete in {shell}", field="shell")
        root = click.get_current_context().find_root().command
        sys.stdout.write(made(root, {}, "attctl", "_ATTCTL_COMPLETE").source() + "\n")
        return OK

    shell = click.Argument(["shell"], type=click.Choice(SHELLS))
    return leaf("completion", act, "Print the completion script of a shell", "attctl completion bash", [shell])


def explain() -> click.Command:
    """The codes are in attctl itself, so that they can be looked up when nothing else works."""

    def act(code: str | None) -> int:
        if code is None:
            rows = [{"code": one, "hint": hint} for one, hint in CODES.items()]
            output.show({"codes": rows}, _options().format)
            return OK
        if code not in CODES:
            close = get_close_matches(code, CODES, n=1)
            meant = f", did you mean {close[0]}?" if close else ""
            raise InvalidInput("invalid_input", f"cannot explain {code}: no such code{meant}", field="code")
        output.show({"code": code, "hint": CODES[code]}, _options().format)
        return OK

    code = click.Argument(["code"], required=False)
    return leaf("explain", act, "Say what an error code means and what helps", "attctl explain write_fenced", [code])


def version() -> click.Command:
    """What runs here, told without the API."""

    def act() -> int:
        from att.appliance.running import running_release

        release = running_release()
        if _options().format == "table":
            sys.stdout.write(f"attctl {release}\n")
        else:
            output.show({"release": release, "version": __version__}, _options().format)
        return OK

    return leaf("version", act, "Print the release that attctl belongs to", "attctl version")


def reset_admin() -> click.Command:
    """The way back in for who lost every token: must not depend on the API, and is for operators alone."""

    def act(yes: bool) -> int:
        from att.surfaces.cli.engine import engine_call
        from att.surfaces.cli.run import confirm

        confirm("Make a new admin token and revoke what the admins have?", yes=yes)
        output.show(engine_call("reset_admin"), _options().format)
        return OK

    yes = click.Option(["--yes", "-y"], is_flag=True, help="Do not ask first.")
    return leaf("reset-admin", act, "Make a new admin token at the SSH door", "attctl token reset-admin --yes", [yes])


def job_watch() -> click.Command:
    """`job log --follow`, with the job's outcome as exit code."""

    def act(job_id: str) -> int:
        from att.surfaces.cli.index import specs
        from att.surfaces.cli.run import client_for
        from att.surfaces.cli.streams import follow
        from att.surfaces.cli.wait import demand_success, show_job

        client = client_for(_options())
        follow(client, specs()["job", "log"], {"job_id": job_id, "follow": True}, _options().format)
        demand_success(show_job(client, job_id))
        return OK

    job_id = click.Argument(["job_id"])
    return leaf(
        "watch", act, "Follow a job's log to its end; exit 4 when it failed", "attctl job watch job_…", [job_id]
    )


EXTRAS: Mapping[Words, Extra] = {
    ("completion",): completion,
    ("explain",): explain,
    ("version",): version,
    ("token", "reset-admin"): reset_admin,
    ("job", "watch"): job_watch,
    ("backup", "create"): backup.create,
    ("backup", "list"): backup.listed,
    ("backup", "show"): backup.show,
    ("backup", "verify"): backup.verify,
    ("backup", "restore"): backup.restore,
    ("backup", "key"): backup.key,
    ("bootstrap", "approve"): bootstrap.approve,
    ("bootstrap", "deny"): bootstrap.deny,
    ("bootstrap", "pause"): bootstrap.pause,
    ("bootstrap", "resume"): bootstrap.resume,
    ("diag", "bundle"): diag.bundle,
    ("logs",): logs.logs,
    ("metrics", "snapshot"): figures.snapshot,
    **COMMANDS,
}
