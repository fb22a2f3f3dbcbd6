"""Reads the audit log over all its files and has it judged."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from att.appliance import Facts
from att.kernel.errors import NotFound
from att.machine.audit.decision import Line, verify
from att.machine.audit.schema import AuditVerified, Place
from att_stage0.audit import FILE_BYTES_MAX, files, turn

_LINE_BYTES_MAX = 2 * FILE_BYTES_MAX


class AuditService:
    """The audit log of one machine; only root may read it."""

    def __init__(self, facts: Facts) -> None:
        self._path = facts.paths.audit

    def verify(self, head: str | None = None) -> AuditVerified:
        """Return whether the log is whole, and holds `head`. Raises NotFound("audit_missing")."""
        with ExitStack() as stack:
            found = self._open(stack)
            if not found:
                raise NotFound("audit_missing", f"cannot verify the audit log: there is no {self._path}")
            start = found[0][0].name in (self._path.name, f"{self._path.name}.000001")
            verdict = verify(_lines(found), from_the_start=start, head=head)
        first = verdict.first
        return AuditVerified(
            whole=verdict.whole,
            broken=first and _place(first.at),
            since=first.since and _place(first.since) if first else None,
            breaks=verdict.breaks,
            head_found=verdict.head_found,
            files=len(found),
            lines=verdict.lines,
            unchained=verdict.unchained,
            from_the_start=start,
            head=verdict.head,
        )

    def _open(self, stack: ExitStack) -> list[tuple[Path, BinaryIO, int]]:
        """Open all files at one moment: nobody puts one aside or writes half a line meanwhile."""
        if not self._path.parent.is_dir():
            return []
        with turn(self._path.parent, shared=True):
            opened = [(path, stack.enter_context(path.open("rb"))) for path in files(self._path)]
            return [(path, file, os.fstat(file.fileno()).st_size) for path, file in opened]


def _lines(found: list[tuple[Path, BinaryIO, int]]) -> Iterator[Line]:
    """Yield the lines of all files as one log; what a file ends with in the middle of a line goes on in the next."""
    rest: Line | None = None
    for path, file, size in found:
        number = 0
        while size > 0 and (text := file.readline(min(size, _LINE_BYTES_MAX))):
            size -= len(text)
            number += 1
            line = Line(path.name, number, text) if rest is None else Line(rest.file, rest.number, rest.text + text)
            rest = None if text.endswith(b"\n") else line
            if rest is None:
                yield line
    if rest is not None:
        yield rest


def _place(line: Line) -> Place:
    entry = json.loads(line.text)
    return Place(file=line.file, line=line.number, at=str(entry.get("at", ""))[:64])
