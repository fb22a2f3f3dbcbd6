"""Diagnostics for support: one file without secrets, made at the SSH door whatever still works (ADR 0015)."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from att.kernel.errors import InvalidInput, NotFound
from att.surfaces.cli import output
from att.surfaces.cli.failure import OK
from att.surfaces.cli.target import Options
from att.surfaces.cli.tree import leaf

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from att.diagnostics.gathering import Gathered
    from att.diagnostics.support import Made

STDOUT = "-"
_RECIPIENT_BYTES_MAX = 64 * 1024


def bundle() -> click.Command:
    """What support needs is needed most when the API and the engine are dead, and takes root to read."""

    def act(save_to: str | None, listed: bool, recipient: str | None) -> int:
        from att.diagnostics.recipient import SUFFIX
        from att.diagnostics.support import check_place, write
        from att.surfaces.cli.root import become_root

        certificate = _recipient(recipient) if recipient else None
        become_root("gather the diagnostics")
        now = datetime.now(UTC)
        name = f"att-diag-{now:%Y%m%dT%H%M%SZ}"
        path = Path(save_to or f"{name}.tar.gz{SUFFIX if certificate else ''}").absolute()
        if not listed and save_to != STDOUT:
            check_place(path)
        made = _made(name, now)
        for warning in made.warnings:
            sys.stderr.write(f"warning: its values could be looked for by name and form alone: {warning}\n")
        if listed:
            output.show({"sources": [_row(one) for one in made.bundle.entries]}, _form())
            return OK
        data = _sealed(made.data, certificate) if certificate else made.data
        if save_to == STDOUT:
            sys.stdout.buffer.write(data)
            return OK
        write(path, data, _caller())
        output.show(_told(path, data, made, certificate), _form())
        return OK

    return leaf(
        "bundle",
        act,
        "Write one file for support: state, logs and settings, all secrets taken out",
        "attctl diag bundle --output /tmp/diag.tar.gz",
        [
            click.Option(["--output", "-o", "save_to"], metavar="FILE", help="Where to; `-`: standard output."),
            click.Option(["--list", "listed"], is_flag=True, help="Show what would go, and write nothing."),
            click.Option(["--recipient"], metavar="FILE", help="Encrypt for the RSA key or certificate of this file."),
        ],
    )


def _made(name: str, now: datetime) -> "Made":
    from att.appliance import facts, running_release
    from att.diagnostics import redaction
    from att.diagnostics.held import held
    from att.diagnostics.support import make
    from att.surfaces.cli.diag_wiring import sealed_places
    from att.surfaces.cli.root import who

    where = facts()
    about = {"made": now.isoformat(), "release": running_release(), "by": who(), "host": os.uname().nodename}
    places = held(where, sealed_places(where))
    return make(_gathered(), places, about, folder=name, modified=int(now.timestamp()), redact=redaction.redact)


def _gathered() -> "Iterator[Gathered]":
    import time

    from att.appliance import facts
    from att.diagnostics.gathering import gather
    from att.diagnostics.reading import read
    from att.diagnostics.sources import sources
    from att.surfaces.cli.diag_wiring import tellers
    from att.surfaces.cli.progress import ProgressLine

    where = facts()
    wanted = list(sources(where, tellers(where)))
    line = ProgressLine()
    for at, one in enumerate(gather(wanted, read, time.monotonic)):
        if sys.stderr.isatty():
            line.show(one.source.name, 100 * (at + 1) / len(wanted))
        yield one
    line.done()


def _recipient(name: str) -> "Certificate":
    from att.diagnostics.recipient import recipient

    try:
        with Path(name).open("rb") as file:
            return recipient(file.read(_RECIPIENT_BYTES_MAX))
    except FileNotFoundError as error:
        raise NotFound("not_found", f"cannot read {name}: there is no such file", field="recipient") from error
    except OSError as error:
        raise InvalidInput("invalid_input", f"cannot read {name}: {error.strerror}", field="recipient") from error


def _sealed(data: bytes, certificate: "Certificate") -> bytes:
    from att.diagnostics.recipient import encrypted

    return encrypted(data, certificate)


def _row(entry: Any) -> dict[str, Any]:
    return {
        "source": entry.source,
        "bytes": entry.bytes,
        "redactions": entry.redactions,
        "cut": entry.cut,
        "problem": entry.problem,
    }


def _told(path: Path, data: bytes, made: "Made", certificate: object) -> dict[str, Any]:
    entries = made.bundle.entries
    return {
        "file": str(path),
        "bytes": len(data),
        "encrypted": certificate is not None,
        "sources": len(entries),
        "redactions": sum(one.redactions for one in entries),
        "without": [f"{one.source}: {one.problem}" for one in entries if one.problem],
    }


def _caller() -> tuple[int, int] | None:
    """Return uid and gid of who called sudo: the file is for that person."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    return (int(uid), int(gid)) if uid.isdigit() and gid.isdigit() else None


def _form() -> str:
    options: Options = click.get_current_context().obj
    return options.format
