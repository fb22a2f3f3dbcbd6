"""The kernel kills the engine at every call by which it changes its disk; the next boot finds a whole machine.

Each death is real: strace delivers SIGKILL on entry of the call (strace(1), inject), in a process forked for it, over a
real release of fewer than forty files.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.bench.table import Row, write
from tests.crash.appliance import NEXT, SCHEMA, Appliance, parts_of
from tests.crash.appliance import made as installed
from tests.crash.machine import Crash
from tests.crash.moments import kills, seeded
from tests.crash.releases import Content
from tests.crash.twice import wrongs

from att.upgrade.service import Asked

CALLS = (
    *(
        "write",
        "pwrite64",
        "openat",
        "rename",
        "renameat",
        "renameat2",
        "unlink",
        "unlinkat",
        "rmdir",
        "mkdir",
        "mkdirat",
    ),
    *("symlink", "symlinkat", "link", "linkat", "ftruncate", "fallocate", "fchmod", "fchmodat", "utimensat"),
    *("fsync", "fdatasync", "syncfs"),
)
FILES_MAX = 40
ALL = 10_000
BREAKING = Content("1.1.0", steps=(*SCHEMA, (3, 3, "breaking")), salt="next")
_TRACED = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")


@dataclass(frozen=True)
class Call:
    """One call of a traced run: the `number`-th of its name."""

    name: str
    number: int
    text: str


def bring(content: Content) -> Callable[[Appliance], object]:
    return lambda machine: machine.bring_file(machine.root.parent / f"{content.version}.attb")


def gone_back(machine: Appliance) -> None:
    machine.engine().rollback(None, Asked("test"))


def sick(content: Content) -> Callable[[Appliance], object]:
    def before(machine: Appliance) -> None:
        machine.contents[content.version] = content
        machine.sick[content.version] = "probation"

    return before


def interrupted(effect: str) -> Callable[[Appliance], object]:
    """A machine whose engine died before this effect of an upgrade, and that was switched off."""

    def before(machine: Appliance) -> None:
        machine.dies_before = effect
        try:
            bring(NEXT)(machine)
        except Crash:
            machine.power_cut()

    return before


WORKS: dict[str, tuple[Callable[[Appliance], object], Callable[[Appliance], object]]] = {
    "upgrade": (lambda _machine: None, bring(NEXT)),
    "upgrade that is rolled back": (sick(BREAKING), bring(BREAKING)),
    "rollback asked for": (bring(NEXT), gone_back),
    "recovery before the switch": (interrupted("journal PREFLIGHT done"), Appliance.boot),
    "recovery of a trial": (interrupted("journal RESTARTED done"), Appliance.boot),
}


def made(folder: Path, work: str) -> Appliance:
    """Return a machine that is about to do this work."""
    content = BREAKING if "rolled back" in work else NEXT
    parts_of(content).write(folder / f"{content.version}.attb")
    machine = installed(folder / "root")
    WORKS[work][0](machine)
    return machine


def struck(machine: Appliance, act: Callable[[Appliance], object], log: Path, *how: str) -> bool:
    """Do it in a child process under strace; True when it was killed. What it acknowledged is the machine's too."""
    go, told = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _child(machine, act, go[0], told[1])
    os.close(told[1])
    tracer = subprocess.Popen(["strace", "-qq", "-f", "-y", "-s", "0", "-o", str(log), *how, "-p", str(child)])
    try:
        while "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
            assert tracer.poll() is None, "strace cannot trace"
        os.write(go[1], b".")
        with os.fdopen(told[0]) as rows:
            machine.acked += rows.read().split()
        _, status = os.waitpid(child, 0)
    finally:
        for fd in go:
            os.close(fd)
        tracer.wait(30)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def _child(machine: Appliance, act: Callable[[Appliance], object], go: int, told: int) -> None:
    real = machine.write_row

    def write_row() -> None:
        before = len(machine.acked)
        real()
        if machine.acked[before:]:
            os.write(told, f"{machine.acked[-1]}\n".encode())

    machine.write_row = write_row  # type: ignore[method-assign] # tells the parent
    try:
        os.read(go, 1)
        act(machine)
        os._exit(0)
    finally:
        os._exit(1)


def calls_of(folder: Path, work: str) -> list[Call]:
    """Return every call of this work that changes the machine's disk."""
    machine = made(folder, work)
    log = folder / "trace"
    assert not struck(machine, WORKS[work][1], log, "-e", f"trace={','.join(CALLS)}")
    return list(_below(machine.root, log))


def _below(root: Path, log: Path) -> Iterator[Call]:
    counts = Counter[str]()
    for line in log.read_text().splitlines():
        found = _TRACED.match(line)
        if found is None:
            continue
        name, text = found.groups()
        counts[name] += 1
        changes = name != "openat" or "O_CREAT" in text or "O_TRUNC" in text
        if changes and str(root) in text and "/rows" not in text:
            yield Call(name, counts[name], text)


def killed_at(folder: Path, work: str, call: Call) -> list[str]:
    """Kill this work at that call, boot, and return what is wrong then."""
    machine = made(folder, work)
    how = ("-e", f"trace={call.name}", "-e", f"inject={call.name}:signal=SIGKILL:when={call.number}")
    try:
        if not struck(machine, WORKS[work][1], folder / "trace", *how):
            return ["it was not killed"]
        machine.power_cut()
        machine.boot()
        return list(wrongs(machine))
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.long
@pytest.mark.timeout(7200)
def test_no_death_at_any_call_harms_the_machine(tmp_path: Path) -> None:
    seed, seeds = seeded()
    rows = []
    for work in WORKS:
        (tmp_path / "count").mkdir()
        calls = calls_of(tmp_path / "count", work)
        assert len(list((tmp_path / "count").glob("root/opt/att/releases/*/**/*"))) < 2 * FILES_MAX
        shutil.rmtree(tmp_path / "count")
        bad = {}
        chosen = seeds.sample(calls, min(len(calls), kills(ALL)))
        for number, call in enumerate(chosen):
            (tmp_path / str(number)).mkdir()
            if wrong := killed_at(tmp_path / str(number), work, call):
                bad[call] = wrong
        assert not bad, "\n".join([work, *(f"{call.name} {call.text}: {wrong}" for call, wrong in bad.items())])
        kinds = ", ".join(f"{name} {count}" for name, count in Counter(call.name for call in chosen).most_common())
        rows.append(Row(work, f"{len(calls)} calls, {len(chosen)} kills, {len(bad)} bad ends: {kinds}", "0 bad ends"))
        print(rows[-1].what, rows[-1].figure, flush=True)
    write("struck-calls", "make e2e", rows, of=f"ATT_SEED={seed}")
