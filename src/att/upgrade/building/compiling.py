"""Compiles Python files, as the building user: the parser of what strangers wrote is no part of the engine."""

from pathlib import Path

from att.release.bytecode import compiled
from att.upgrade.building.job import FILE_BYTES_MAX, RESULT, SOURCES, JobFailed, read_frames, write_frame


def compile_sources(folder: Path) -> None:
    """Write the bytecode of each source in `folder` to its result, in their order; JobFailed names a bad one."""
    with (folder / SOURCES).open("rb") as given, (folder / RESULT).open("wb") as result:
        for name, source in read_frames(given, bytes_max=FILE_BYTES_MAX):
            try:
                write_frame(result, name, compiled(source, name))
            except SyntaxError as error:
                raise JobFailed(f"{name}, line {error.lineno}: {error.msg}") from error
            except (ValueError, RecursionError, MemoryError) as error:
                raise JobFailed(f"{name}: {error or type(error).__name__}") from error
