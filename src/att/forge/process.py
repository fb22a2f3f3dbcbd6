"""Runs git on the forge's bare repositories: no settings but ours, bounded in time, memory and size."""

import math
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio.abc import ByteReceiveStream, Process

from att.kernel.errors import Failed, InvalidInput, TooLarge, Unavailable
from att.workspace.git.bounds import FILE_BYTES_MAX, SETTINGS

SECONDS_MAX = 60.0
BYTES_MAX = 8 * 1024 * 1024
ERRORS_BYTES_MAX = 32_768
MEMORY_BYTES_MAX = 2 * 1024**3
_CPU_SECONDS_MAX = 900
_PATH = "/usr/bin:/bin"
_LIMITS = ("prlimit", f"--as={MEMORY_BYTES_MAX}", f"--fsize={FILE_BYTES_MAX}", f"--cpu={_CPU_SECONDS_MAX}", "--core=0")
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_SETTINGS = (
    *SETTINGS,
    "safe.directory=*",
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "log.showSignature=false",
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Finished:
    """How git ended."""

    code: int
    out: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output as text; bytes that are no UTF-8 appear as backslash escapes."""
        return self.out.decode("utf-8", errors="backslashreplace")

    @property
    def fields(self) -> list[str]:
        """The NUL-terminated fields of the output."""
        return self.text.split("\0")[:-1]

    @property
    def reason(self) -> str:
        """Git's own sentence on what is wrong."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal: ", "error: "))]
        return (told or lines or [f"git ended with {self.code}"])[0].removeprefix("fatal: ").removeprefix("error: ")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return git's whole environment: nothing of the machine's or a user's settings is read, nobody is asked."""
    return {
        "PATH": _PATH,
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_NO_REPLACE_OBJECTS": "1",
        **(more or {}),
    }


def command(folder: Path, *arguments: str, settings: Sequence[str] = ()) -> list[str]:
    """Return the whole command of git on the bare repository `folder`."""
    given = (part for setting in (*_SETTINGS, *settings) for part in ("-c", setting))
    return [*_before_git(), "git", *given, f"--git-dir={folder}", *arguments]


@cache
def _before_git() -> tuple[str, ...]:
    """What runs in front of git: its limits, and its end with this process, each where this process may ask for it."""
    found: tuple[str, ...] = ()
    if (refused := _refusal(_LIMITS)) is None:
        found = _LIMITS
    else:
        _log.warning("git runs without limits of memory", reason=refused)
    # Without any capability setpriv(1) refuses to start: so it is in the unit, whose manager ends what it leaves.
    return found if _refusal(_DIES_WITH_US) else (*found, *_DIES_WITH_US)


def _refusal(prefix: tuple[str, ...]) -> str | None:
    tried = subprocess.run([*prefix, "true"], env={"PATH": _PATH}, capture_output=True, timeout=10, check=False)
    return tried.stderr.decode(errors="replace").strip() or "it failed" if tried.returncode else None


@asynccontextmanager
async def started(
    folder: Path,
    *arguments: str,
    settings: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """Start git with pipes; whatever of it is left at the end of the block is killed. Raises InvalidInput."""
    if any("\0" in argument for argument in arguments):
        raise InvalidInput("invalid_input", "cannot ask git: what it is given holds a null byte")
    await anyio.to_thread.run_sync(_before_git)
    process = await anyio.open_process(
        command(folder, *arguments, settings=settings),
        env=environment(more),
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
            await process.aclose()


async def run(
    folder: Path,
    *arguments: str,
    feed: bytes | AsyncIterator[bytes] = b"",
    seconds: float = SECONDS_MAX,
    bytes_max: int = BYTES_MAX,
    settings: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> Finished:
    """Run git to its end, whatever its code. Raises Unavailable(git_timeout), TooLarge(git_output_large)."""
    out, errors = bytearray(), bytearray()
    code: int | None = None
    with anyio.move_on_after(seconds):
        async with started(folder, *arguments, settings=settings, more=more) as process:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_feed, process, feed)
                tasks.start_soon(_read, process.stdout, out, bytes_max)
                tasks.start_soon(_read, process.stderr, errors, math.inf)
            code = await process.wait()
    if code is None:
        raise Unavailable("git_timeout", f"cannot finish git {arguments[0]}: over {seconds:g} s")
    if len(out) > bytes_max:
        raise TooLarge("git_output_large", f"cannot take the output of git {arguments[0]}: over {bytes_max} bytes")
    return Finished(code, bytes(out), errors[:ERRORS_BYTES_MAX].decode("utf-8", errors="replace"))


async def must(
    folder: Path, what: str, *arguments: str, feed: bytes = b"", more: Mapping[str, str] | None = None
) -> str:
    """Run git and return its output; Failed(git_failed) "cannot `what`: …" when it fails."""
    finished = await run(folder, *arguments, feed=feed, more=more)
    if finished.code != 0:
        raise Failed("git_failed", f"cannot {what}: {finished.reason[:500]}")
    return finished.text


async def _feed(process: Process, feed: bytes | AsyncIterator[bytes]) -> None:
    if process.stdin is None:
        return
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        if not isinstance(feed, bytes):
            async for chunk in feed:
                await process.stdin.send(chunk)
        elif feed:
            await process.stdin.send(feed)
        await process.stdin.aclose()


async def _read(stream: ByteReceiveStream | None, into: bytearray, bytes_max: float) -> None:
    """Read to the end; what comes after `bytes_max` is thrown away, one byte more is kept to tell."""
    if stream is None:
        return
    async for chunk in stream:
        if len(into) <= bytes_max:
            into += chunk
