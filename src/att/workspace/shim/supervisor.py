"""Runs one task from its first process to the moment in which nothing of it lives."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from att.site.trust import VARIABLES, bundle
from att.workspace.shim.attach import Attach, Terminal
from att.workspace.shim.child import PIPE_BYTES, Child, start
from att.workspace.shim.descendants import adopt_orphans, descendants, left_below, send
from att.workspace.shim.forward import Forward
from att.workspace.shim.limits import hits
from att.workspace.shim.log import Log
from att.workspace.shim.loop import READ, Loop, unix_listener
from att.workspace.shim.records import (
    AGENT_SOCKET,
    APP_SOCKET,
    ATTACH_SOCKET,
    EXIT,
    GRACE_SECONDS,
    LOG,
    RUN,
    Begun,
    Over,
    grace_seconds,
    now,
    write_record,
)
from att.workspace.shim.spec import PORT_ARGUMENT, RunSpec

NO_PROGRAM = 127
_SIGNAL_CODES = 128
_KILL_AGAIN_SECONDS = 0.02
_FLUSH_SECONDS = 5.0
_NEAR = "127.0.0.1,localhost,::1"


class Supervisor:
    """Works in the task's folder, which is the present one and whose lock is held.

    `group` is the control group that is the task's alone, None where there is none: its counters say which limit ended
    the task.
    """

    def __init__(
        self, spec: RunSpec, group: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spec = spec
        self._group = group
        self._clock = clock
        self._loop = Loop()
        self._log = Log(LOG, spec.log_bytes_max, keeps_newest=spec.log_keeps_newest)
        self._inherited = unix_listener(AGENT_SOCKET) if spec.listens else None
        self._port = _free_port() if spec.port == 0 else spec.port
        self._child: Child | None = None
        self._attach: Attach | None = None
        self._ending = "exited"
        self._code: int | None = None
        self._kill_at: float | None = None

    def run(self, on_begun: Callable[[], object]) -> None:
        """Run the task; `on_begun` is called when its sockets can be reached. Returns when its end is on record."""
        adopt_orphans()
        self._loop.catch_signals(self._signalled)
        write_record(Path(), RUN, Begun(self._spec.task_id, self._spec.kind, now(), os.getpid(), self._port))
        try:
            self._begin()
        except OSError as error:
            self._log.say(f"cannot start {self._spec.argv[0]}: {error.strerror}")
            self._code = NO_PROGRAM
        on_begun()
        self._supervise()
        self._bury()
        self._record_end()

    def _begin(self) -> None:
        environment, inherited = dict(self._spec.environment), tuple[int, ...]()
        if self._inherited is not None:
            inherited = (self._inherited.fileno(),)
            environment["ATT_LISTEN_FD"] = str(inherited[0])
        if self._port is not None:
            environment["ATT_PORT"] = str(self._port)
        argv = [str(self._port) if part == PORT_ARGUMENT else part for part in self._spec.argv]
        self._listen_outward()
        environment = {**self._way_out(), **environment}
        attach_listener = unix_listener(ATTACH_SOCKET)
        self._child = start(self._spec, environment, argv, inherited)
        if self._inherited is not None:
            self._inherited.close()
        terminal = Terminal(self._loop, self._child.output, self._take_output) if self._spec.pty else None
        if terminal is None:
            self._loop.watch(self._child.output, READ, self._take_output)
        self._attach = Attach(self._loop, attach_listener, self._log, terminal)
        if self._port is not None:
            Forward(self._loop, unix_listener(APP_SOCKET), (socket.AF_INET, ("127.0.0.1", self._port)))

    def _listen_outward(self) -> None:
        for port, path in self._spec.outward:
            listener = socket.create_server(("127.0.0.1", port), backlog=128)
            listener.setblocking(False)
            Forward(self._loop, listener, (socket.AF_UNIX, path))

    def _way_out(self) -> dict[str, str]:
        """Open the proxy's port, where there is one; returns what leads programs to it."""
        if self._spec.proxy is None:
            return {}
        port, path, grant = self._spec.proxy
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        listener.setblocking(False)
        # By way of its folder's descriptor: the path of a socket has room for 107 bytes.
        folder = os.open(Path(path).parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        target = (socket.AF_UNIX, f"/proc/self/fd/{folder}/{Path(path).name}")
        Forward(self._loop, listener, target, b"ATT-GRANT %s\n" % grant.encode())
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        near = dict.fromkeys(("NO_PROXY", "no_proxy"), _NEAR)
        return {**dict.fromkeys(names, address), **near, **self._trusted()}

    def _trusted(self) -> dict[str, str]:
        """Write down whom to trust, where that is more than the system does; returns what leads programs to it."""
        if self._spec.authorities is None:
            return {}
        path, pem = self._spec.authorities
        Path(path).write_text(bundle(pem), encoding="ascii", errors="replace")
        return dict.fromkeys(VARIABLES, path)

    def _supervise(self) -> None:
        started, limit = self._clock(), self._spec.timeout_seconds
        while self._child is not None and self._code is None:
            now_ = self._clock()
            if limit is not None and now_ >= started + limit and self._ending == "exited":
                self._log.say(f"stopped after {limit:g} seconds, its time limit")
                self._terminate("timed_out", GRACE_SECONDS)
            if self._kill_at is not None and now_ >= self._kill_at:
                send(signal.SIGKILL, descendants(os.getpid()))
                self._kill_at = now_ + _KILL_AGAIN_SECONDS
            ends = [one for one in (self._kill_at, limit and started + limit) if one is not None]
            if self._ending != "exited":
                ends = [self._kill_at] if self._kill_at is not None else []
            self._loop.turn(max(0.0, min(ends) - self._clock()) if ends else None)

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif self._ending == "exited":
            self._terminate("stopped", grace_seconds(Path()))

    def _terminate(self, ending: str, grace: float) -> None:
        self._ending = ending
        self._kill_at = self._clock() + grace
        spared = self._child.pid if self._child is not None and self._spec.contained else None
        send(signal.SIGTERM, [pid for pid in descendants(os.getpid()) if pid != spared])

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if self._child is not None and pid == self._child.pid:
                    self._code = self._code_of(os.waitstatus_to_exitcode(status))

    def _code_of(self, code: int) -> int:
        if self._spec.contained and _SIGNAL_CODES < code <= _SIGNAL_CODES + signal.SIGRTMAX:
            return _SIGNAL_CODES - code
        return code

    def _bury(self) -> None:
        """Kill what the first process left behind, then take the last output."""
        while below := left_below(os.getpid()):
            send(signal.SIGKILL, below)
            self._loop.turn(_KILL_AGAIN_SECONDS)
        self._reap()
        if self._child is not None:
            while self._take_output(READ):
                pass
        self._blame_limits()
        deadline = self._clock() + _FLUSH_SECONDS
        while self._attach and any(one.behind for one in self._attach.clients) and self._clock() < deadline:
            self._loop.turn(_KILL_AGAIN_SECONDS)

    def _blame_limits(self) -> None:
        """Say which limits the task ran into; one that the kernel ended for its memory has that as its end."""
        found = hits(self._group)
        for words in found.words():
            self._log.say(words)
        if self._attach is not None:
            self._attach.grew(b"")
        if self._ending == "exited" and found.ended(self._code):
            self._ending = "out_of_memory"

    def _take_output(self, _: int) -> bool:
        assert self._child is not None  # noqa: S101 - nobody watches the output of no child
        try:
            data = os.read(self._child.output, PIPE_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # a terminal says EIO when nobody has its far side any more
            data = b""
        if not data:
            self._loop.forget(self._child.output)
            return False
        kept = self._log.append(data)
        if self._attach is not None:
            self._attach.grew(data[kept:])
        return True

    def _record_end(self) -> None:
        if self._ending == "exited" and self._code is not None and self._code < 0:
            self._ending = "killed"
        for name in (AGENT_SOCKET, APP_SOCKET, ATTACH_SOCKET):
            Path(name).unlink(missing_ok=True)
        write_record(Path(), EXIT, Over(self._ending, self._code, now(), self._log.size, self._log.dropped))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
