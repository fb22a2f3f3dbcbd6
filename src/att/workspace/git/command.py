"""Runs git in a worktree: bounded in time and output, asks nobody, runs no hook."""

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from att.effects.filesystem import sync_file_system
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, Unavailable
from att.workspace.git.durable import DURABLE, settle

SECONDS_MAX = 50.0
BYTES_MAX = 8 * 1024 * 1024
ERRORS_BYTES_MAX = 64 * 1024
_CHUNK = 65_536
_LOCK_TRIES = 40
_LOCK_PAUSE_SECONDS = 0.05
_LOCKED = re.compile(r"Unable to create '([^'\n]+\.lock)': File exists")
_NO_REPOSITORY = "not a git repository"
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.askPass=",
    "color.ui=false",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "submodule.recurse=false",
    "maintenance.auto=false",
    "gc.auto=0",
    "i18n.commitEncoding=utf-8",
    "i18n.logOutputEncoding=utf-8",
    "protocol.allow=never",
    *DURABLE,
)


@dataclass(frozen=True)
class Output:
    """How git ended; `cut` says that it wrote more than it was allowed and was ended for it."""

    code: int
    out: bytes
    errors: str
    cut: bool = False

    @property
    def fields(self) -> list[str]:
        """The NUL-terminated fields of the output; bytes that are no UTF-8 appear as backslash escapes."""
        return self.text.split("\0")[:-1]

    @property
    def text(self) -> str:
        """The output as text."""
        return self.out.decode("utf-8", errors="backslashreplace")

    @property
    def reason(self) -> str:
        """Git's own sentence on what is wrong."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("fatal: ", "error: "))]
        return (told or lines or [f"git ended with {self.code}"])[0].removeprefix("fatal: ").removeprefix("error: ")


@dataclass(frozen=True)
class Worktree:
    """One worktree, at `root`; git looks for the repository there and nowhere above."""

    root: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return git's whole environment: nobody is asked, no system settings, the project's own HOME."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return {
            "HOME": str(self.root.parent / "home"),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_EDITOR": "true",
            "GIT_PAGER": "cat",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_CEILING_DIRECTORIES": str(self.root.parent),
            **kept,
            **(more or {}),
        }

    def settle(self, branch: str | None) -> None:
        """Make durable what is checked out, the settings, and a branch as it is now; see `durable.settle`."""
        refs = [f"refs/heads/{branch}"] if branch else []
        settle(self.root / ".git", refs, ("HEAD", "logs/HEAD", "config"))

    def settle_all(self) -> None:
        """Make durable all that is there."""
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_file_system(fd)
        finally:
            os.close(fd)

    def command(self, *arguments: str, settings: Sequence[str] = ()) -> list[str]:
        """Return the whole command of one git call."""
        return ["git", *(part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)), *arguments]

    def run(
        self,
        *arguments: str,
        feed: bytes = b"",
        seconds: float = SECONDS_MAX,
        bytes_max: int = BYTES_MAX,
        environment: Mapping[str, str] | None = None,
    ) -> Output:
        """Run git to its end, whatever its code; a lock that a killed git left behind is removed.

        Raises Unavailable(git_timeout), Conflict(git_missing) where there is no repository, InvalidInput for what no
        program can be given.
        """
        if any("\0" in argument for argument in arguments):
            raise InvalidInput("invalid_input", f"cannot ask git {arguments[0]}: an argument has a NUL character")
        output = self._once(arguments, feed, seconds, bytes_max, environment)
        for left in range(_LOCK_TRIES, 0, -1):
            locked = _LOCKED.search(output.errors)
            if locked is None:
                break
            if left == 1:
                self._unlock(Path(locked[1]))
            else:
                time.sleep(_LOCK_PAUSE_SECONDS)
            output = self._once(arguments, feed, seconds, bytes_max, environment)
        if output.code == 128 and _NO_REPOSITORY in output.errors:
            raise Conflict("git_missing", "cannot use git here: the project is no git repository")
        return output

    def must(self, what: str, *arguments: str, feed: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git and return its output; Conflict(git_failed) "cannot `what`: …" when it fails."""
        output = self.run(*arguments, feed=feed, environment=environment)
        if output.code != 0:
            raise failed(what, output)
        return output.text

    def _once(
        self,
        arguments: Sequence[str],
        feed: bytes,
        seconds: float,
        bytes_max: int,
        environment: Mapping[str, str] | None,
    ) -> Output:
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                out, errors, cut = _exchanged(process, feed, time.monotonic() + seconds, bytes_max)
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                raise Unavailable("git_timeout", f"cannot finish git {arguments[0]}: over {seconds:g} s") from error
            finally:
                end_group(process)
        return Output(process.returncode, out, errors.decode("utf-8", errors="replace"), cut)

    def free_refs(self) -> None:
        """Remove the locks of refs that a killed git left behind, before a git that is not tried again.

        Raises Unavailable(git_busy) when another git holds one for long.
        """
        for _ in range(_LOCK_TRIES):
            if not any(self._ref_locks()):
                return
            time.sleep(_LOCK_PAUSE_SECONDS)
        for lock in self._ref_locks():
            self._unlock(lock)

    def free_objects(self) -> None:
        """Remove the objects that a git did not come to name before it was killed, unless another git works here."""
        left = list((self.root / ".git" / "objects").glob("tmp_objdir-*"))
        if left and not any(_git_processes_below(self.root)):
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)

    def _ref_locks(self) -> Iterator[Path]:
        yield from (self.root / ".git").glob("packed-refs.lock")
        yield from (self.root / ".git" / "refs").rglob("*.lock")

    def _unlock(self, lock: Path) -> None:
        """Remove a lock that nobody holds: no other git works in this worktree."""
        inside = lock.resolve().is_relative_to((self.root / ".git").resolve())
        if not inside or any(_git_processes_below(self.root)):
            raise Unavailable("git_busy", "cannot use git now: another git works in the project", retry_after_seconds=2)
        lock.unlink(missing_ok=True)


def failed(what: str, output: Output) -> AttError:
    """Return the error for a git that ended badly."""
    return Conflict("git_failed", f"cannot {what}: {output.reason[:500]}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a git started in its own session, and wait for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _exchanged(
    process: subprocess.Popen[bytes], feed: bytes, deadline: float, bytes_max: int
) -> tuple[bytes, bytes, bool]:
    """Write `feed` and read both outputs; the third value says that the first was cut at `bytes_max`."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise Failed("internal", "cannot talk to git: it has no pipes")
    out, errors, left = bytearray(), bytearray(), memoryview(feed)
    with selectors.DefaultSelector() as selector:
        _watch(selector, process.stdout, selectors.EVENT_READ, out)
        _watch(selector, process.stderr, selectors.EVENT_READ, errors)
        if left:
            _watch(selector, process.stdin, selectors.EVENT_WRITE, None)
        else:
            process.stdin.close()
        while selector.get_map():
            remaining = deadline - time.monotonic()
            ready = selector.select(remaining) if remaining > 0 else []
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.data is None:
                    left = _written(selector, process.stdin, left)
                else:
                    _taken(selector, key)
            if len(out) > bytes_max:
                return bytes(out[:bytes_max]), bytes(errors), True
    process.wait(max(0.1, deadline - time.monotonic()))
    return bytes(out), bytes(errors[:ERRORS_BYTES_MAX]), False


def _watch(selector: selectors.BaseSelector, pipe: IO[bytes], event: int, into: bytearray | None) -> None:
    os.set_blocking(pipe.fileno(), False)
    selector.register(pipe, event, into)


def _taken(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Read what is there; at the end of the pipe it is watched no more."""
    chunk = os.read(key.fd, _CHUNK)
    if chunk:
        key.data.extend(chunk)
    else:
        selector.unregister(key.fileobj)


def _written(selector: selectors.BaseSelector, pipe: IO[bytes], left: memoryview) -> memoryview:
    """Write what fits now; the pipe is closed after the last byte, or when git wants no more."""
    try:
        left = left[os.write(pipe.fileno(), left[:_CHUNK]) :]
    except BrokenPipeError:
        left = left[:0]
    if not left:
        selector.unregister(pipe)
        pipe.close()
    return left


def _git_processes_below(root: Path) -> Iterator[int]:
    """Yield the running gits whose working folder is in `root`."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() == "git" and (entry / "cwd").readlink().is_relative_to(root):
                yield int(entry.name)
        except OSError:  # ended meanwhile, or somebody else's
            continue
