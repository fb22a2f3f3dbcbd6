"""One job of the building user: the files of its folder, and the frames in which files cross it.

Both sides read this: the engine lays the folder out and judges what comes back, the task works in it.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

PACK = "pack"
"""What a job is given to unpack: a pack of git's objects."""
SOURCES = "sources"
"""What a job is given to compile: frames of Python files."""
RESULT = "result"
PROBLEM = "problem"
"""Why a job failed, in a line for people."""
PROBLEM_BYTES_MAX = 2_000
FILE_BYTES_MAX = 16 << 20
_LINE_BYTES_MAX = 600
_LINE = re.compile(r"([0-9]{1,10}) ([^\0\n]{1,300})\n")


class JobFailed(Exception):
    """The job cannot be done; the text says why."""


def write_frame(file: BinaryIO, name: str, content: bytes) -> None:
    """Append a file: a line `SIZE NAME`, its bytes, a newline."""
    file.write(f"{len(content)} {name}\n".encode())
    file.write(content)
    file.write(b"\n")


def read_frames(file: BinaryIO, *, bytes_max: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file; ValueError where they are no frames, or one has more than `bytes_max`."""
    while line := file.readline(_LINE_BYTES_MAX):
        found = _LINE.fullmatch(line.decode("utf-8"))
        if found is None or int(found[1]) > bytes_max:
            raise ValueError("not a list of files")
        content = file.read(int(found[1]))
        if len(content) != int(found[1]) or file.read(1) != b"\n":
            raise ValueError("a list of files that breaks off")
        yield found[2], content
