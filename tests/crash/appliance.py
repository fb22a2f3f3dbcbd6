"""A model machine that takes real bundles the way the engine's door does: checked, spooled, verified, unpacked."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.crash.machine import Machine
from tests.crash.releases import Content
from tests.fakes.archives import CONTENT, KEY, LINKS, Parts, machine
from tests.fakes.workshop import FakeWorkshop

from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.install import install
from att.release.schema import DatabaseSchema, Step
from att.release.trust import load_trust
from att.upgrade.door import check_file
from att.upgrade.tools import Tools
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Ask, Peer
from att_stage0.audit import LOCK_FILE

SCHEMA = ((1, 1, "none"), (2, 2, "breaking"))
RUNNING = Content("1.0.0", steps=SCHEMA, salt="running")
NEXT = Content("1.1.0", steps=SCHEMA, salt="next")
AFTER = Content("1.2.0", steps=SCHEMA, salt="after")
OPERATOR = Peer(0, "root", operator=True, api=False)
ACCEPTED = "accepted"
_DIGESTED_BYTES_MAX = 1 << 30


def parts_of(
    content: Content,
    *,
    files: dict[str, bytes] | None = None,
    links: dict[str, str] | None = None,
    keys: tuple[Ed25519PrivateKey, ...] = (KEY,),
    **changes: Any,
) -> Parts:
    """Return the parts of an honest bundle of `content`, with `files` and `links` besides.

    `changes` replace fields of its metadata.
    """
    newest = content.steps[-1]
    fields: dict[str, Any] = {
        "version": content.version,
        "from_versions": content.from_versions,
        "database": DatabaseSchema(
            version=newest[0],
            min_reader=newest[1],
            change=newest[2],
            steps=tuple(Step(version=v, min_reader=r, change=c) for v, r, c in content.steps),
        ),
    }
    whole = {**CONTENT, **content.files(), **(files or {})}
    return Parts.honest(whole, {**LINKS, **(links or {})}, keys=keys, **{**fields, **changes})


class Appliance(Machine):
    """Runs `RUNNING`, trusts `KEY`; `hooks` maps an effect to what happens right before it, once."""

    hooks: dict[str, Callable[[], None]]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hooks = {}
        machine(self.root)
        self.layout.spool.mkdir(mode=0o700)

    def install(self, content: Content) -> None:
        """Install a real bundle, as the image build does."""
        self.contents[content.version] = content
        path = parts_of(content).write(self.root / "image.attb")
        fd = os.open(path, os.O_RDONLY)
        try:
            install(fd, self.facts, make_current=True)
        finally:
            os.close(fd)
            path.unlink()

    def tools(self) -> Tools:
        tools = super().tools()
        tools.open = lambda fd: open_bundle(fd, load_trust(self.facts), self.facts)
        return tools

    def tick(self, effect: str) -> None:
        super().tick(effect)
        self.hooks.pop(effect, lambda: None)()

    def bring(self, fd: int) -> str:
        """Bring the file to the engine's door and return the code that it is refused with, or `ACCEPTED`."""
        ask = Ask("apply")
        try:
            check_file(ask, fd)
            Verbs(self.engine(), self.tools(), self.facts, FakeWorkshop(self, self.root))(ask, OPERATOR, fd)
        except AttError as error:
            return error.code
        transaction = self.world().transaction()
        assert transaction is not None
        return ACCEPTED if transaction.state == "COMMITTED" else str(transaction.failure.get("code", "none"))

    def bring_file(self, path: Path) -> str:
        """Bring the file at `path`."""
        fd = os.open(path, os.O_RDONLY)
        try:
            return self.bring(fd)
        finally:
            os.close(fd)

    def fixed(self, outside: Path) -> dict[str, Any]:
        """Return every path below `outside`, the machine's own among them, but for what the engine writes down.

        That is the journal, its reserve, its lock, the history, the audit log, its lock, and the client's rows.
        """
        layout = self.layout
        written = {layout.journal, layout.journal_directory / "reserve", layout.lock, layout.audit}
        written |= {layout.upgrade_state / "history.jsonl", layout.audit.with_name(LOCK_FILE)}
        written |= set(self.facts.paths.api_state.glob("*/rows"))
        return {name: told for name, told in tree_of(outside).items() if outside / name not in written}


def made(root: Path) -> Appliance:
    """Return a machine that runs `RUNNING` and has looked once at everything."""
    found = Appliance(root)
    found.install(RUNNING)
    found.first_boot()
    found.layout.audit.parent.mkdir(parents=True, exist_ok=True)
    found.contents |= {content.version: content for content in (NEXT, AFTER)}
    return found


def tree_of(root: Path) -> dict[str, Any]:
    """Return kind, mode, owner, names and content of every path below `root`, and times of all but folders."""
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            told: list[Any] = [oct(status.st_mode), status.st_uid, status.st_gid]
            if stat.S_ISLNK(status.st_mode):
                told += [str(path.readlink())]
            elif not stat.S_ISDIR(status.st_mode):
                told += [status.st_nlink, status.st_size, status.st_mtime_ns, status.st_rdev]
            if stat.S_ISREG(status.st_mode) and status.st_size < _DIGESTED_BYTES_MAX:
                told += [hashlib.sha256(path.read_bytes()).hexdigest()]
            found[str(path.relative_to(root))] = told
    return found


@dataclass
class Used:
    """What a piece of work cost: processor seconds, bytes of memory at its peak, bytes handed to write calls."""

    seconds: float = 0.0
    memory: int = 0
    written: int = 0


@contextmanager
def measured() -> Iterator[Used]:
    """Measure this process; the peak of its memory is the kernel's, counted anew from here on (proc(5), clear_refs)."""
    used = Used()
    Path("/proc/self/clear_refs").write_text("5")
    memory, written, began = _status("VmRSS"), _written(), time.process_time()
    yield used
    used.seconds = time.process_time() - began
    used.memory = max(0, _status("VmHWM") - memory)
    used.written = _written() - written


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))
