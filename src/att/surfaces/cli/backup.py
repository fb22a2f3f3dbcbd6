"""Backups: root's alone, for they hold everything, the secrets too (ADR 0015, 0016)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from att.surfaces.cli import output
from att.surfaces.cli.failure import OK
from att.surfaces.cli.root import become_root, who
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from pydantic import BaseModel

    from att.backup.reading import Contents
    from att.backup.service import Backups

_KEEP_THE_KEY = "nobody has the recovery key yet, and without it no backup opens elsewhere: attctl backup key\n"


def create() -> click.Command:
    """Made while everything runs; the timer's service calls it with --scheduled."""

    def act(folder: Path | None, scheduled: bool) -> int:
        become_root("make a backup")
        with _backups() as backups:
            made = backups.create_scheduled() if scheduled else backups.create(folder)
            known = backups.last().key_shown
        _show(made)
        if not known:
            sys.stderr.write(_KEEP_THE_KEY)
        return OK

    scheduled = click.Option(["--scheduled"], is_flag=True, help="Only if backup.schedule says that one is due.")
    return leaf(
        "create",
        act,
        "Write everything this appliance knows into one signed and encrypted file",
        "attctl backup create --folder /mnt/backups",
        [_folder("Write it there (default: backup.folder)."), scheduled],
    )


def listed() -> click.Command:
    """Those that open with this appliance's own key are told with what they hold."""

    def act(folder: Path | None) -> int:
        become_root("list the backups")
        with _backups() as backups:
            found = backups.list(folder)
        output.show({"backups": [one.model_dump(mode="json") for one in found]}, _form(), "att.backup.list")
        return OK

    where = _folder("Look there (default: backup.folder).")
    return leaf("list", act, "List the backups in a folder, newest first", "attctl backup list", [where])


def show() -> click.Command:
    """The first lines of a file are enough for it."""

    def act(file: str, key_file: Path | None) -> int:
        become_root("open a backup")
        with _backups() as backups:
            _show(backups.show(file, key_file))
        return OK

    example = "attctl backup show att-backup-att-1a2b3c4d-20261122T023000Z.attbk"
    return leaf("show", act, "Say when and by which appliance a backup was made", example, [_file(), _key_file()])


def verify() -> click.Command:
    """The same reading that a restore begins with. One that does not open keeps none of the others from it."""

    def act(file: tuple[str, ...], key_file: Path | None) -> int:
        become_root("verify a backup")
        from att.kernel.errors import AttError

        found: list[dict[str, Any]] = []
        problems: list[AttError] = []
        with _backups() as backups:
            for one in file:
                try:
                    found.append(backups.verify(one, key_file).model_dump(mode="json", exclude_none=True))
                except AttError as error:
                    problems.append(error)
                    found.append({"file": one, "problem": error.detail})
        alone = len(found) == 1 and _form() == "table"
        if not (alone and problems):
            output.show(found[0] if alone else {"backups": found}, _form(), "" if alone else "att.backup.list")
        if problems:
            raise problems[0]
        return OK

    example = "attctl backup verify /mnt/backups/*.attbk"
    files = click.Argument(["file"], nargs=-1, required=True, metavar="FILE...")
    return leaf("verify", act, "Read backups to their end and check every byte", example, [files, _key_file()])


def restore() -> click.Command:
    """Nothing is touched before all of the file was checked; `--resume` is what the boot calls."""

    def act(file: str | None, key_file: Path | None, resume: bool, yes: bool) -> int:
        become_root("restore a backup")
        from att.kernel.errors import InvalidInput
        from att.surfaces.cli.run import confirm

        if resume == (file is not None):
            raise InvalidInput("invalid_input", "cannot restore: name a file, or say --resume", field="file")

        def ask(contents: "Contents") -> None:
            told = contents.manifest
            made = f"{told.made:%Y-%m-%d %H:%M} UTC by {told.appliance}, release {told.release}"
            confirm(f"Replace everything on this appliance by the backup of {made}?", yes=yes)

        with _backups() as backups:
            _show(backups.restore(file, key_file, ask) if file is not None else backups.resume())
        return OK

    resume = click.Option(
        ["--resume"], is_flag=True, help="End one that was interrupted: keep it if it runs, else revert it."
    )
    yes = click.Option(["--yes", "-y"], is_flag=True, help="Do not ask first.")
    return leaf(
        "restore",
        act,
        "Replace everything on this appliance by what a backup holds",
        "attctl backup restore /mnt/att-backup-att-1a2b3c4d-20261122T023000Z.attbk --key-file key.txt",
        [_file(required=False), _key_file(), resume, yes],
    )


def key() -> click.Command:
    """It goes to stdout alone, as a file that `--key-file` and age take."""

    def act() -> int:
        become_root("show the recovery key")
        from att.backup.recovery_key import file_text

        with _backups() as backups:
            sys.stdout.write(file_text(backups.key()))
        sys.stderr.write("keep it where this appliance is not: whoever has it can read every backup\n")
        return OK

    return leaf("key", act, "Print the recovery key that opens this appliance's backups", "attctl backup key")


@contextmanager
def _backups() -> Iterator["Backups"]:
    """Yield the backups of this machine; what goes on is told on stderr."""
    from att.appliance import facts
    from att.backup.service import Backups
    from att.surfaces.cli.progress import ProgressLine

    line = ProgressLine()
    try:
        yield Backups(facts(), who(), _throttled(line.show))
    finally:
        line.done()


def _throttled(show: Callable[[str, float | None], None]) -> Callable[[str, float | None], None]:
    """Return a `show` that passes on each step and each whole percent once."""
    last: list[tuple[str, int | None]] = []

    def tell(step: str, percent: float | None) -> None:
        now = (step, None if percent is None else int(percent))
        if last != [now]:
            last[:] = [now]
            show(step, percent)

    return tell


def _show(found: "BaseModel") -> None:
    output.show(found.model_dump(mode="json", exclude_none=True), _form())


def _form() -> str:
    options: Options = click.get_current_context().obj
    return options.format


def _file(*, required: bool = True) -> click.Argument:
    return click.Argument(["file"], required=required)


def _folder(text: str) -> click.Option:
    return click.Option(["--folder"], type=click.Path(path_type=Path), help=text)


def _key_file() -> click.Option:
    text = "File with the recovery key (default: this appliance's own)."
    return click.Option(["--key-file"], type=click.Path(path_type=Path), help=text)
