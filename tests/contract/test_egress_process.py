"""The real process of the way out: on an inherited socket, with the settings of a file, until it is told to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.fakes.site import write

from att.appliance import Facts, facts
from att.egress.decision import Client
from att.egress.grants import Grants
from att.egress.proxy import PREAMBLE
from att.site.decision import Proxy, Site
from att.site.kept import TRIAL_FILE

DEMO = Client("prj_1", "demo")
SETTINGS = "egress:\n  allow:\n    - demo=127.0.0.1:{port}\n"


class Process:
    """One run of it below a folder; its journal is a file."""

    def __init__(self, where: Facts, grants: Grants, listener: socket.socket) -> None:
        self.where, self.grants, self.listener = where, grants, listener
        self.journal = where.root / "journal"
        command = [sys.executable, "-P", "-m", "att.entrypoints.egress", "--root", str(where.root)]
        command += ["--fd", str(listener.fileno())]
        with self.journal.open("wb") as journal:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stderr=journal,
                pass_fds=[listener.fileno()],
                env={**os.environ, "JOURNAL_STREAM": "", "ATT_LOG_LEVEL": "info"},
            )

    def ask(self, target: str) -> str:
        """Return the answer to one CONNECT."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(self.where.root / "egress.sock"))
            grant = self.grants.grant(DEMO, os.getuid(), 60).encode()
            client.sendall(PREAMBLE + grant + b"\nCONNECT %s HTTP/1.1\r\n\r\n" % target.encode())
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                return answer.read().decode()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    where = facts().rooted(tmp_path)
    where.paths.config.parent.mkdir(parents=True)
    (tmp_path / "state").mkdir()
    grants = Grants.load(tmp_path / "state", where.paths.run)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "egress.sock"))
        listener.listen(16)
        found = Process(where, grants, listener)
        yield found
        if found.child.poll() is None:
            found.child.kill()
        found.child.wait()
        assert found.child.stdin is not None
        found.child.stdin.close()


def test_the_settings_allow_and_the_rule_for_addresses_stands_above_them(process: Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        assert "X-ATT-Code: egress_denied" in process.ask(f"127.0.0.1:{port}")
        process.where.paths.config.write_text(SETTINGS.format(port=port), encoding="utf-8")
        answer, deadline = "egress_denied", time.monotonic() + 60
        while "egress_denied" in answer and time.monotonic() < deadline:  # settings are looked at once a second
            answer = process.ask(f"127.0.0.1:{port}")
        assert "X-ATT-Code: egress_address" in answer
    process.child.send_signal(signal.SIGTERM)
    assert process.child.wait(30) == 0
    lines = [json.loads(line) for line in process.journal.read_text().splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("message") == "egress"]
    assert {(line["project"], line["host"], line["port"]) for line in told} == {("demo", "127.0.0.1", port)}
    assert {told[0]["verdict"], told[-1]["verdict"]} == {"egress_denied", "egress_address"}
    assert "att1." not in process.journal.read_text()


def test_a_proxy_on_trial_is_gone_by_and_left_again_without_a_restart(process: Process) -> None:
    def until(words: str) -> str:
        deadline = time.monotonic() + 60
        while words not in (answer := process.ask("far.test:443")) and time.monotonic() < deadline:
            continue  # the file is looked at once a second
        return answer

    root = process.where.root
    with refusing(451) as kept, refusing(452) as tried:
        write(root, Site(Proxy("127.0.0.1", kept)))
        process.where.paths.config.write_text("egress:\n  allow:\n    - demo=far.test\n", encoding="utf-8")
        at_kept = f"the proxy http://127.0.0.1:{kept} answered 451"
        assert at_kept in until(at_kept)
        write(root, Site(Proxy("127.0.0.1", tried)), TRIAL_FILE)
        at_tried = f"the proxy http://127.0.0.1:{tried} answered 452"
        assert at_tried in until(at_tried)
        (root / TRIAL_FILE).unlink()
        assert at_kept in until(at_kept)


@contextmanager
def refusing(status: int) -> Iterator[int]:
    """A proxy that answers this to everything; gives its port."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = proxy.accept()
                with connection:
                    connection.recv(8192)
                    connection.sendall(b"HTTP/1.1 %d No\r\n\r\n" % status)

    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=serve, daemon=True).start()
        yield proxy.getsockname()[1]
        proxy.shutdown(socket.SHUT_RDWR)


def test_it_ends_with_its_parent(process: Process) -> None:
    assert "403" in process.ask("example.test:443")
    assert process.child.stdin is not None
    process.child.stdin.close()
    assert process.child.wait(30) == 0


def test_without_a_socket_it_says_so() -> None:
    command = [sys.executable, "-P", "-m", "att.entrypoints.egress"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "passed no socket" in done.stderr) == (1, True)
