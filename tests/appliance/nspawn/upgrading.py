"""Drives upgrades of a container and looks at what must hold afterwards."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.vm.places import ROOT
from tests.appliance.nspawn.container import Container
from tests.fakes.bundles import CATALOGUE

SOCKETS = ("att-api.socket", "att-upgraded.socket", "att-launcher.socket", "att-local.socket")
APPLY_SECONDS_MAX = 600
LONGEST_WAIT_SECONDS = 5.0


@dataclass
class Report:
    """What the load saw; empty until it has been stopped."""

    seen: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[str], object] = print
    """Gives the client a line to obey."""

    def bad_statuses(self, *allowed: str) -> dict[str, int]:
        """Every answer that is no success, but for `allowed` (like `POST 503`)."""
        statuses: dict[str, int] = self.seen["statuses"]
        return {kind: count for kind, count in statuses.items() if kind.split()[1][0] != "2" and kind not in allowed}


class Upgrades:
    """One appliance, the release it was made of, and new versions of that release, good and bad."""

    def __init__(self, appliance: Container, base: Path, key: Ed25519PrivateKey) -> None:
        self.appliance = appliance
        self.base = base
        self.key = key
        self._made = 0
        created = appliance.attctl("token", "create", "--name", "tests", "--role", "admin", "--json")
        self.token = str(json.loads(created.stdout)["token"])
        (appliance.work / "token").write_text(self.token, encoding="ascii")

    def make(self, variant: str) -> tuple[str, Path]:
        """Derive the next version as `variant` of the catalogue; returns version and the bundle's path in the guest."""
        self._made += 1
        version = f"9.0.{self._made}"
        made = CATALOGUE[variant].derive(self.base, version, key=self.key, output=self.appliance.work / "bundles")
        bundle = Path("/var/tmp") / made.name
        shutil.move(made, self.appliance.root / bundle.relative_to("/"))
        return version, bundle

    def apply(self, bundle: Path, *options: str) -> tuple[int, dict[str, Any], str]:
        """Upgrade over the SSH door and wait for the end; returns exit code, the transaction, and stderr."""
        done = self.appliance.attctl(
            *("upgrade", "apply", str(bundle), "--wait", "--json", *options),
            check=False,
            timeout_seconds=APPLY_SECONDS_MAX,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}, done.stderr

    def roll_back(self) -> tuple[int, str]:
        """Operator rollback to the previous release; returns exit code and stderr."""
        done = self.appliance.attctl("rollback", "--yes", "--wait", "--json", check=False)
        return done.returncode, done.stderr

    def current(self) -> str:
        """The version that the link names."""
        return self.appliance.run("readlink", "/opt/att/current").stdout.strip().rpartition("/")[2]

    def serving(self) -> str:
        """The version that answers at the appliance's own socket."""
        return str(self.ask("/readyz")["release"])

    def ask(self, path: str) -> dict[str, Any]:
        """GET a path of the API with the admin token, inside the container."""
        program = (
            "import http.client,socket,sys\n"
            "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX)\n"
            "c.sock.connect('/run/att/api.sock');token=sys.stdin.read()\n"
            "c.request('GET',sys.argv[1],headers={'Authorization':'Bearer '+token})\n"
            "print(c.getresponse().read().decode())"
        )
        answer: dict[str, Any] = json.loads(self.appliance.run("python3", "-c", program, path, stdin=self.token).stdout)
        return answer

    def sockets_down(self) -> list[str]:
        """The sockets that do not listen."""
        states = self.appliance.run("systemctl", "is-active", *SOCKETS, check=False).stdout.split()
        return [name for name, state in zip(SOCKETS, states, strict=True) if state != "active"]

    def audited(self, transaction: str) -> list[str]:
        """The states of a transaction in the engine's audit log."""
        lines = self.appliance.run("cat", "/var/log/att/audit.log").stdout.splitlines()
        return [str(entry.get("state")) for entry in map(json.loads, lines) if entry.get("transaction") == transaction]

    @contextlib.contextmanager
    def load(self, prefix: str, *, everything: bool = False) -> Iterator[Report]:
        """Ask 20 times a second from inside the container's network for as long as the block runs."""
        command = [sys.executable, str(ROOT / "tests/appliance/load.py"), "--token-file"]
        command += [str(self.appliance.work / "token"), "--prefix", prefix]
        command += [] if everything else ["--requests-only"]
        report = Report()
        process = subprocess.Popen(
            self.appliance.network(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            report.tell = lambda line: print(line, file=process.stdin, flush=True)
            yield report
            said, _ = process.communicate("stop\n", timeout=120)
            report.seen = json.loads(said)
        finally:
            process.kill()
            process.communicate()


def assert_nothing_was_lost(report: Report, *allowed: str) -> None:
    """Every request was answered well and in time, and every acknowledged write is there once."""
    print(f"longest wait {report.seen['longest_wait_seconds']:.2f} s, answers {report.seen['statuses']}")
    assert report.seen["errors"] == {}
    assert report.bad_statuses(*allowed) == {}
    assert report.seen["writes_lost"] == []
    assert report.seen["writes_twice"] == []
    assert report.seen["writes_acknowledged"] > 20
    assert report.seen["longest_wait_seconds"] <= LONGEST_WAIT_SECONDS


def assert_rolled_back(upgrades: Upgrades, variant: str) -> None:
    """A bad release goes by itself and is remembered; what was there before serves, and a good one is taken next."""
    _, bundle = upgrades.make(variant)
    before = upgrades.current()
    with upgrades.load(variant.replace("_", "-")) as report:
        code, transaction, said = upgrades.apply(bundle)
    assert code == 4, said
    assert transaction["verdict"] == "rolled_back"
    assert upgrades.current() == upgrades.serving() == before
    assert upgrades.sockets_down() == []
    assert upgrades.audited(transaction["id"])[-1] == "ROLLED_BACK"
    assert "att-api" in upgrades.appliance.run("cat", f"/var/log/att/{transaction['log']}").stdout
    assert not [error for error in report.seen["errors"] if "refused" in error.lower()]
    assert report.seen["writes_lost"] == []
    # The token outlived it, and the version is remembered.
    assert upgrades.ask("/api/v1/auth/me")["name"]
    code, transaction, said = upgrades.apply(bundle)
    assert code == 4
    assert "version_bad" in said + json.dumps(transaction)

    version, good = upgrades.make("good_none")
    code, _, said = upgrades.apply(good)
    assert code == 0, said
    assert upgrades.serving() == version
