"""Files on their way to the API and back: a folder is packed first, what a job left is saved whole or not at all.

Standard library alone, as the rest of attctl.
"""

import hashlib
import os
import secrets
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from att.kernel.errors import Failed, InvalidInput
from att.surfaces.cli.client import Client
from att.surfaces.cli.progress import ProgressLine

LEFT_BEHIND = frozenset({"__pycache__", ".venv", "node_modules"})
GITS_OWN = frozenset({".git/config", ".git/hooks"})
"""They are not taken in, and may hold logins."""


@contextmanager
def readable(path: str, field: str) -> Iterator[None]:
    """Turn what the file system says inside into InvalidInput(file_unreadable)."""
    try:
        yield
    except OSError as error:
        raise InvalidInput("file_unreadable", f"cannot read {path}: {error.strerror}", field=field) from error


def content(path: str, field: str, bytes_max: int) -> bytes:
    """Return the content of a small file, `-` for standard input; InvalidInput names `field`."""
    with readable(path, field):
        if path == "-":
            data = sys.stdin.buffer.read(bytes_max + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise InvalidInput("invalid_input", f"cannot read {path}: larger than {bytes_max} bytes", field=field)
    return data


def upload(client: Client, path: str, field: str) -> str:
    """Send a file, or a folder as a tar.gz, and return its upload id."""
    line = ProgressLine()
    with readable(path, field), _opened(Path(path)) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            return client.upload(file, size, lambda done, all_: line.show("upload", 100 * done / max(all_, 1)))
        finally:
            line.done()


def save(client: Client, result: Mapping[str, Any], target: str) -> None:
    """Fetch the file that `result` names and put it at `target`, whole and with the hash that was promised.

    Raises InvalidInput(file_unreadable) when it cannot be written, Failed(upload_interrupted) when it is not whole.
    """
    path, size = Path(target), int(result["bytes"])
    if path.is_dir():
        path = path / str(result["file_name"])
    line, digest = ProgressLine(), hashlib.sha256()
    with readable(str(path), "output"), _replacing(path) as file:
        done = 0
        try:
            for block in client.download(str(result["content"])):
                file.write(block)
                digest.update(block)
                done += len(block)
                line.show("download", 100 * done / max(size, 1))
        finally:
            line.done()
        if digest.hexdigest() != result["sha256"]:
            raise Failed("upload_interrupted", f"cannot save {path}: it did not come whole", hint="try again")


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Lend a file that takes the place of `path` when the block ends well, and is gone when it does not."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if not path.is_dir():
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as tar:
            for entry in sorted(path.iterdir()):
                tar.add(entry, entry.name, filter=_wanted)
        yield packed


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave behind what can be made again, what is no file, folder or link, and who owned it here."""
    made_again = LEFT_BEHIND & set(Path(entry.name).parts) or entry.name in GITS_OWN
    if made_again or not (entry.isreg() or entry.isdir() or entry.issym()):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
