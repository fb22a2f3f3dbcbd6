"""One engine behind its socket over a model machine, with a repository that the API proposes changes of."""

import os
import socket
import threading
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.crash.machine import Machine
from tests.crash.releases import Content, FakeBundle
from tests.fakes.workshop import FakeWorkshop, Files

from att.upgrade.client import EngineClient
from att.upgrade.door import Door
from att.upgrade.service import Engine
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Ask, Peer

ROOT = Peer(0, "root", operator=True, api=False)
ANN = Peer(1000, "ann", operator=True, api=False)
BEA = Peer(1001, "bea", operator=True, api=False)
API = Peer(990, "att", operator=False, api=True)
NOBODY = Peer(65534, "nobody", operator=False, api=False)
TREE: Files = {"README.md": "1", "src/att/store/x.py": "1", "upgrade/gates.toml": "1", ".att/checks.yaml": "1"}
OTHER = {**TREE, "src/att/store/x.py": "2"}
GUARDED = {**TREE, "upgrade/gates.toml": "2", ".att/checks.yaml": "2"}
IMAGE = {**TREE, "appliance/appliance.toml": "2"}


class Appliance:
    """Speaks to the engine as whoever it is told; transactions run to their end before an answer comes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.people = 2
        self.machine = Machine(root / "machine")
        self.workshop = FakeWorkshop(self.machine, root)
        self.repository = self.workshop.repository
        self.base = self.repository.commit(TREE)
        self.machine.install(Content("1.0.0", commit=self.base))
        self.machine.first_boot()
        self.config = self.machine.facts.paths.config
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self._make_key(self.machine.facts.paths.local_trust)
        self.pack = root / "pack"
        self.pack.write_text("a pack")
        self.path = root / "s.sock"
        self.client = EngineClient(self.path)
        self._peer = API
        self._begin()

    def _make_key(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "appliance.key").write_bytes(pem)

    def _begin(self) -> None:
        tools = self.machine.tools()
        opened: Any = lambda fd: FakeBundle(self.machine.contents[os.pread(fd, 200, 0).decode()])  # noqa: E731
        tools.open = opened
        engine = Engine(tools, threaded=False)
        self.verbs = Verbs(engine, tools, self.machine.facts, self.workshop, lambda: self.people)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._door = Door(self._listener, self.verbs, who=lambda _: self._peer)
        self._thread = threading.Thread(target=self._door.run, args=(lambda: None, 0.02))
        self._thread.start()

    def close(self) -> None:
        self._door.stop()
        self._thread.join()
        self._listener.close()
        self.path.unlink()

    def restart(self) -> None:
        """As after each commit, and after a death: another engine, over what is on the disk."""
        self.close()
        self._begin()

    def become(self, peer: Peer) -> None:
        """Whom the engine takes the next connections for."""
        self._peer = peer

    def ask(self, peer: Peer, verb: str, **args: Any) -> dict[str, Any]:
        """One request at the socket; what takes a pack gets one."""
        self._peer = peer
        file = self.pack if verb in ("bootstrap_propose", "bootstrap_release") else None
        return self.client.call_now(verb, args, request_id="req_1", file=file)

    def do(self, peer: Peer, verb: str, **args: Any) -> dict[str, Any]:
        """The same without the socket: what kills the engine comes out here."""
        fd = os.open(self.pack, os.O_RDONLY)
        try:
            found: dict[str, Any] = self.verbs(Ask(verb, args, "req_1"), peer, fd)
            return found
        finally:
            os.close(fd)

    # -- what the API and people do in a cycle

    def change(self, files: Files = OTHER, *, on: str | None = None, note: str = "") -> str:
        """The head of a pull request."""
        return self.repository.commit(files, on or self.base, note=note)

    def merged(self, head: str, *, on: str | None = None, files: Files | None = None) -> str:
        """The merge commit of a head."""
        return self.repository.commit(files or self.repository.files[head], on or self.base, head)

    def propose(self, head: str, number: int = 7, **more: Any) -> dict[str, Any]:
        return self.ask(API, "bootstrap_propose", number=number, commit=head, **more)

    def approve(self, number: int = 7, peer: Peer = ANN, **more: Any) -> dict[str, Any]:
        """As attctl does: look, then say yes to what was seen."""
        seen = self.ask(peer, "bootstrap_status", number=number)["proposal"]
        said = {"number": number, "commit": seen["commit"], "tree": seen["tree"], "seen": seen["seen"]}
        return self.ask(peer, "bootstrap_approve", **{**said, **more})

    def release(self, merge: str, number: int = 7, job: str = "job_1", **more: Any) -> dict[str, Any]:
        return self.ask(API, "bootstrap_release", number=number, commit=merge, job=job, **more)

    def status(self, **more: Any) -> dict[str, Any]:
        return self.ask(API, "bootstrap_status", **more)

    @property
    def current(self) -> str | None:
        return self.machine.world().links().current

    def auto(self) -> None:
        """Root says that nobody needs to be asked."""
        self.config.write_text("upgrade:\n  approval: auto\n")
        self.config.chmod(0o644)
