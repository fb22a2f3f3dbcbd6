"""Drives upgrades of a container, under load."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.vm.places import ROOT
from tests.appliance.nspawn.container import Container
from tests.fakes.bundles import CATALOGUE, Variant

DOORS = ("api", "upgraded", "launcher", "local", "router", "egress")
SOCKETS = tuple(f"att-{door}.socket" for door in DOORS)
SOCKET_FILES = tuple(f"{door}.sock" for door in DOORS)
APPLY_SECONDS_MAX = 600
DATABASE = "/var/lib/att/api/db/att.db"


@dataclass
class Report:
    """What the load saw; empty until it has been stopped."""

    seen: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[str], object] = print
    """Gives the client a line to obey."""
    told: Path = Path()
    """The names of all writes that were acknowledged up to now, a line each."""

    def bad_statuses(self, *allowed: str) -> dict[str, int]:
        """Every answer that is no success, but for `allowed` (like `POST 503`)."""
        statuses: dict[str, int] = self.seen["statuses"]
        return {kind: count for kind, count in statuses.items() if kind.split()[1][0] != "2" and kind not in allowed}

    def refused(self) -> dict[str, int]:
        """Every connection that was not taken, at the port or at a socket."""
        errors = {error: count for error, count in self.seen["errors"].items() if "Connect" in error}
        return {**errors, **self.seen["socket_refused"]}

    @property
    def summary(self) -> str:
        """The figures of one load in a line."""
        seen = self.seen
        requests = sum(seen["statuses"].values())
        other = {**self.bad_statuses(), **seen["errors"]}
        return (
            f"{requests} requests, longest wait {seen['longest_wait_seconds']:.2f} s, not 2xx {other or 0}, "
            f"{seen['writes_acknowledged']} writes, {seen['writes_fenced']} fenced, "
            f"lost {len(seen['writes_lost'])}, twice {len(seen['writes_twice'])}, "
            f"{seen['socket_connects']} socket connects, refused {self.refused() or 0}"
        )


class Upgrades:
    """One appliance, the release it was made of, and new versions of that release, good and bad."""

    def __init__(self, appliance: Container, base: Path, key: Ed25519PrivateKey) -> None:
        self.appliance = appliance
        self.base = base
        self.key = key
        self.kept: tuple[str, ...] = ()
        """Classes of the migrations that the database has more than `base` and never loses again."""
        self._made = 0
        created = appliance.attctl("token", "create", "--name", "tests", "--role", "admin", "--json")
        self.token = str(json.loads(created.stdout)["token"])
        (appliance.work / "token").write_text(self.token, encoding="ascii")
        self.cookie = self._claim()

    def make(self, variant: Variant | str, *, thin: bool = False) -> tuple[str, Path]:
        """Derive the next version as `variant` of the catalogue; returns version and the bundle's path in the guest.

        It has the migrations that were `kept`, and its own after them. A thin one carries what is not installed.
        """
        wanted = CATALOGUE[variant] if isinstance(variant, str) else variant
        wanted = replace(wanted, migrations=(*self.kept, *wanted.migrations))
        self._made += 1
        version = f"9.0.{self._made}"
        made = wanted.derive(self.base, version, key=self.key, output=self.appliance.work / "bundles", thin=thin)
        bundle = Path("/var/tmp") / made.name
        shutil.move(made, self.appliance.root / bundle.relative_to("/"))
        return version, bundle

    def inside(self, path: Path) -> Path:
        """A file of the appliance as this host sees it."""
        return self.appliance.root / path.relative_to("/")

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

    def ask(self, path: str, *, by_cookie: bool = False) -> dict[str, Any]:
        """GET a path of the API with the admin token or the claimed session, inside the container."""
        name, value = ("Cookie", self.cookie) if by_cookie else ("Authorization", f"Bearer {self.token}")
        _, answer = self._request("GET", path, {name: value}, None)
        return answer

    def rows(self, prefix: str) -> Counter[str]:
        """How often each token of that prefix is in the live database, by the database itself."""
        program = (
            "import json,sqlite3,sys\n"
            f"database=sqlite3.connect('file:{DATABASE}?mode=ro',uri=True,timeout=20)\n"
            "found=database.execute('SELECT name FROM tokens WHERE name LIKE ?',(sys.argv[1]+'-%',))\n"
            "print(json.dumps([name for name, in found]))"
        )
        return Counter(json.loads(self.appliance.run("python3", "-c", program, prefix).stdout))

    def sockets_down(self) -> list[str]:
        """The sockets that do not listen."""
        states = self.appliance.run("systemctl", "is-active", *SOCKETS, check=False).stdout.split()
        return [name for name, state in zip(SOCKETS, states, strict=True) if state != "active"]

    def audited(self, transaction: str) -> list[str]:
        """The states of a transaction in the engine's audit log."""
        lines = self.appliance.run("cat", "/var/log/att/audit.log").stdout.splitlines()
        return [str(entry.get("state")) for entry in map(json.loads, lines) if entry.get("transaction") == transaction]

    @contextlib.contextmanager
    def load(self, prefix: str, *, everything: bool = False, rate: float = 20) -> Iterator[Report]:
        """Ask that often a second from inside the container's network for as long as the block runs."""
        work = self.appliance.work
        report = Report(told=work / f"told-{prefix}")
        report.told.touch()
        command = [sys.executable, "-m", "tests.appliance.load", "--token-file", str(work / "token")]
        command += ["--prefix", prefix, "--rate", str(rate), "--told", str(report.told)]
        command += [f"--socket=/proc/{self.appliance.leader}/root/run/att/{name}" for name in SOCKET_FILES]
        command += [] if everything else ["--requests-only"]
        process = subprocess.Popen(
            self.appliance.network(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            report.tell = lambda line: print(line, file=process.stdin, flush=True)
            yield report
            said, _ = process.communicate("stop\n", timeout=120)
            report.seen = json.loads(said)
            self._count(prefix, report.seen)
        finally:
            process.kill()
            process.communicate()

    def _count(self, prefix: str, seen: dict[str, Any]) -> None:
        """Count in the database itself what the client could only ask the API for."""
        rows, acknowledged = self.rows(prefix), seen.pop("acknowledged")
        fenced = seen.pop("fenced")
        assert len(acknowledged) == seen["writes_acknowledged"]
        seen["writes_fenced"] = len(fenced)
        seen["writes_lost"] = sorted({*seen["writes_lost"], *(set(acknowledged) - set(rows))})
        seen["writes_twice"] = sorted({*seen["writes_twice"], *(name for name, times in rows.items() if times > 1)})
        seen["fenced_but_made"] = sorted(set(fenced) & set(rows))

    def _claim(self) -> str:
        """Make the first admin with the code of the console; returns the cookie of its session."""
        code = self.appliance.run("cat", "/run/att/claim-code").stdout.strip()
        account = {"code": code, "name": "operator", "password": "a long password of tests"}
        cookie, _ = self._request("POST", "/api/v1/auth/claim", {}, account)
        return cookie.partition(";")[0]

    def _request(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[str, dict[str, Any]]:
        program = (
            "import http.client,json,socket,sys\n"
            "method,path,headers,body=json.load(sys.stdin)\n"
            "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX)\n"
            "c.sock.connect('/run/att/api.sock')\n"
            "c.request(method,path,body and json.dumps(body),{'Content-Type':'application/json',**headers})\n"
            "answer=c.getresponse()\n"
            "print(json.dumps([answer.getheader('Set-Cookie') or '',json.loads(answer.read())]))"
        )
        asked = json.dumps([method, path, headers, body])
        cookie, answer = json.loads(self.appliance.run("python3", "-c", program, stdin=asked).stdout)
        return str(cookie), answer
