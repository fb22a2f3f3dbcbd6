"""One fetch from or push to another host, as a task in the project's sandbox: what `att.entrypoints.transfer` runs.

Git works in a repository of its own, made for this one time in the task's own temporary folder: nothing that the
project wrote (configuration, hooks, helpers) is read, so nothing of the project hears the login. The worktree lends
its objects. What a fetch brought is left in the task's `out` folder for the forge, which looks at all of it again.
"""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from att.workspace.git.bounds import FILE_BYTES_MAX, SETTINGS

RESULT, PACK = "result.json", "objects.pack"
RESULT_BYTES_MAX = 4 * 1024 * 1024
REFS_MAX = 10_000
KNOWN_MAX = 100
ERRORS_CHARS_MAX = 32_768
_KNOWN = "refs/known/"
_BROUGHT = ("refs/heads/", "refs/tags/", "refs/remotes/")
_SETTINGS = (
    *SETTINGS,
    "credential.helper=",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "protocol.https.allow=always",
)


@dataclass(frozen=True)
class Order:
    """What to do: `verb` is fetch or push. `known` are commits that the forge has already."""

    verb: str
    url: str
    refspecs: tuple[str, ...]
    known: tuple[str, ...] = ()
    username: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    def dumped(self) -> str:
        """Return the form in which it travels: on standard input, for it holds the login."""
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True)
class Result:
    """How git ended; after a fetch also the refs that are there now and what the other side's HEAD names."""

    code: int
    out: str = ""
    errors: str = ""
    head: str | None = None
    refs: Mapping[str, str] = field(default_factory=dict)


class Stopped(Exception):
    """A step of git failed; `result` is what the forge is told."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.errors)
        self.result = result


def order_of(text: str) -> Order:
    """Return the order of `dumped`; raises ValueError for anything else."""
    try:
        found: dict[str, Any] = json.loads(text)
        lists = {name: tuple(found.get(name, ())) for name in ("refspecs", "known")}
        return Order(**{**found, **lists})
    except (TypeError, AttributeError) as error:
        raise ValueError(f"cannot read the order: {type(error).__name__}") from None


@dataclass(frozen=True)
class Way:
    """What leads to the other host: the address of the proxy, and a file of authorities to trust, if not git's own."""

    proxy: str | None = None
    authorities: str | None = None

    def settings(self) -> Iterator[str]:
        """Yield git's settings for it."""
        if self.proxy:
            yield f"http.proxy={self.proxy}"
        if self.authorities:
            yield f"http.sslCAInfo={self.authorities}"


def run(order: Order, *, out: Path, temporary: Path, worktree: Path, way: Way) -> Result:
    """Do it, leaving the objects of a fetch in `out`; a git that fails is a result too."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    git = _Git(temporary / "transfer.git", out / "objects", worktree / ".git" / "objects", order, way)
    try:
        git.must("init", "--quiet", "--bare", "--template=", str(git.folder))
        if order.verb == "push":
            done = git.asked("push", "--porcelain", "--no-signed", "--", order.url, *order.refspecs)
            return Result(done.returncode, _text(done.stdout), _text(done.stderr))
        return _fetched(git, order, out)
    except Stopped as stopped:
        return stopped.result


def _fetched(git: "_Git", order: Order, out: Path) -> Result:
    git.know(order.known)
    said = git.must_ask("ls-remote", "--symref", "--", order.url, "HEAD")
    options = ("--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules")
    git.must_ask("fetch", *options, "--", order.url, *order.refspecs)
    listed = git.must("for-each-ref", f"--count={REFS_MAX}", "--format=%(refname) %(objectname)", *_BROUGHT)
    refs = dict(line.split(" ") for line in listed.splitlines())
    known = git.must("for-each-ref", "--format=^%(objectname)", _KNOWN)
    wanted = "".join(f"{commit}\n" for commit in dict.fromkeys(refs.values())) + known
    with (out / PACK).open("wb") as pack:
        git.must("pack-objects", "--revs", "--thin", "--stdout", "--quiet", feed=wanted.encode(), into=pack)
    shutil.rmtree(git.objects)
    return Result(0, errors="", head=_head(said), refs=refs)


class _Git:
    """Git in a repository of its own, whose objects lie in the task's `out` folder."""

    def __init__(self, folder: Path, objects: Path, lent: Path, order: Order, way: Way) -> None:
        self.folder = folder
        self.objects = objects
        self._order = order
        self._settings = [part for setting in (*_SETTINGS, *way.settings()) for part in ("-c", setting)]
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_DIR": str(folder),
            "GIT_OBJECT_DIRECTORY": str(objects),
            # In quotes, as a path may hold the character that separates them.
            **({"GIT_ALTERNATE_OBJECT_DIRECTORIES": json.dumps(str(lent))} if lent.is_dir() else {}),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }

    def know(self, commits: Sequence[str]) -> None:
        """Give names to the commits that are lent, so that the other side need not send what they hold."""
        asked = "".join(f"{commit}\n" for commit in commits[:KNOWN_MAX]).encode()
        found = self.must("cat-file", "--batch-check=%(objectname) %(objecttype)", feed=asked)
        there = [line.split(" ")[0] for line in found.splitlines() if line.endswith(" commit")]
        lines = "".join(f"create {_KNOWN}{index} {commit}\n" for index, commit in enumerate(there))
        self.must("update-ref", "--stdin", feed=lines.encode())

    def must(self, *arguments: str, feed: bytes = b"", into: Any = subprocess.PIPE) -> str:
        """Run git here and return what it says; raises Stopped."""
        done = self._run(arguments, (), (), feed, into)
        return _good(done)

    def must_ask(self, *arguments: str) -> str:
        """Ask the other host and return what git says; raises Stopped."""
        return _good(self.asked(*arguments))

    def asked(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Ask the other host, with the login at hand once."""
        with _login(self._order) as (settings, descriptors):
            return self._run(arguments, settings, descriptors, b"", subprocess.PIPE)

    def _run(
        self, arguments: Sequence[str], settings: Sequence[str], descriptors: Sequence[int], feed: bytes, into: Any
    ) -> "subprocess.CompletedProcess[bytes]":
        more = [part for setting in settings for part in ("-c", setting)]
        return subprocess.run(
            ["git", *self._settings, *more, *arguments],
            env=self._environment,
            cwd=self.folder.parent,
            input=feed,
            stdout=into,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            check=False,
        )


@contextmanager
def _login(order: Order) -> Iterator[tuple[list[str], list[int]]]:
    """Give the setting and descriptor with which git reads the login once, from a pipe."""
    if order.secret is None:
        yield [], []
        return
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(f"username={order.username}\npassword={order.secret}\n".encode())
        yield [f'credential.helper=!f() {{ test "$1" = get && cat /dev/fd/{reader}; }}; f'], [reader]
    finally:
        os.close(reader)


def _good(done: "subprocess.CompletedProcess[bytes]") -> str:
    out = _text(done.stdout or b"")
    if done.returncode != 0:
        raise Stopped(Result(done.returncode, out, _text(done.stderr)))
    return out


def _head(said: str) -> str | None:
    beginning, end = "ref: refs/heads/", "\tHEAD"
    lines = [line for line in said.splitlines() if line.startswith(beginning) and line.endswith(end)]
    return lines[0].removeprefix(beginning).removesuffix(end) if lines else None


def _text(data: bytes) -> str:
    return data[: RESULT_BYTES_MAX // 2].decode("utf-8", errors="replace")
