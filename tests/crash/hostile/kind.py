"""What a kind of hostile bundle is, and the builders that damage an honest one."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.appliance import NEXT, Appliance, parts_of
from tests.crash.releases import Content
from tests.fakes.archives import Parts, compressed

INDEX = "files/console/index.html"
Make = Callable[[Appliance, Path], Path]
Prepare = Callable[[Appliance, Path], None]


def nothing(_machine: Appliance, _bundle: Path) -> None:
    """Of most machines nothing is special."""


@dataclass(frozen=True)
class Kind:
    """`make` writes the bundle into a folder; `before` it is brought the machine is made ready for it.

    `disk` are options of the tmpfs that the machine lies on, where its size or state matters.
    """

    code: str
    make: Make
    before: Prepare = nothing
    after: Prepare = nothing
    open: Callable[[Path], int] = lambda path: os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    disk: str = ""


def honest(_machine: Appliance, folder: Path) -> Path:
    """Write a good bundle: what is wrong with it is the machine's."""
    return parts_of(NEXT).write(folder / "a.attb")


def raw(content: Callable[[], bytes]) -> Make:
    """Write these bytes."""

    def make(_machine: Appliance, folder: Path) -> Path:
        (folder / "a.attb").write_bytes(content())
        return folder / "a.attb"

    return make


def signed(content: Content = NEXT, **changes: Any) -> Make:
    """Write a bundle that is honest but for `changes`, which are signed."""
    return lambda _machine, folder: parts_of(content, **changes).write(folder / "a.attb")


def damaged(change: Callable[[Parts], Parts | None]) -> Make:
    """Write an honest bundle whose parts `change` was let at, after it was signed."""

    def make(_machine: Appliance, folder: Path) -> Path:
        parts = parts_of(NEXT)
        return (change(parts) or parts).write(folder / "a.attb")

    return make


def at(parts: Parts, name: str) -> int:
    """Return the place of a member."""
    return next(index for index, member in enumerate(parts.members) if name.encode() in member.head[:100])


def exchanged(name: str, *members: Any) -> Make:
    """Write a bundle with `members` in the place of the one called `name`."""

    def change(parts: Parts) -> None:
        where = at(parts, name)
        parts.members[where : where + 1] = members

    return damaged(change)


def whole() -> bytes:
    return compressed(parts_of(NEXT).stream())


def cut(share: float) -> Callable[[], bytes]:
    return lambda: whole()[: int(len(whole()) * share)]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
