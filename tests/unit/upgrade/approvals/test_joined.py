"""The engine with the real workshop: real packs of a real repository, real bundles, the appliance's own key."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.crash.machine import Machine
from tests.crash.releases import Content
from tests.fakes.archives import KEY, machine, pem_of
from tests.fakes.building import ProcessTasks
from tests.fakes.host_builds import SMALL, host_release, installed
from tests.fakes.repositories import Repository

from att.kernel.errors import AttError
from att.release.bundle import open_bundle
from att.release.installed import read_metadata, verify_release
from att.release.trust import load_trust
from att.upgrade.building.workshop import Workshop
from att.upgrade.service import Engine
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Ask, Peer

ANN = Peer(1000, "ann", operator=True, api=False)
API = Peer(990, "att", operator=False, api=True)
TIME = 1_766_000_000
FILES = {
    **SMALL,
    "systemd/att-launcher.service": b"[Unit]\nDescription=@VERSION@\n",
    "systemd/att-upgraded.service": b"[Unit]\nDescription=@VERSION@\n",
}
STEPS = ((1, 1, "additive"),)
WORDS = b'def greeting() -> str:\n    """Say it."""\n    return "good day"\n'


class Joined:
    """An appliance on which the first commit of a repository is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "repository").mkdir()
        self.repository = Repository(folder / "repository")
        self.base = self.repository.commit(FILES, "first")
        self.running = f"0.1.0.dev3+g{self.base[:9]}"
        where = machine(folder / "root", KEY)
        release = host_release(self.repository, self.base, self.running, where, nat=False, folder=folder / "host")
        installed(release, self.base, TIME, where, KEY)
        self._make_key(where.paths.local_trust)
        self.machine = Machine(folder / "root")
        self.machine.contents[self.running] = Content(self.running, steps=STEPS)
        self.machine.layout.current.symlink_to(f"releases/{self.running}")
        self.machine.first_boot()
        tools = self.machine.tools()
        tools.open = lambda fd: open_bundle(fd, load_trust(where), where)
        engine = Engine(tools, release=self.running, threaded=False)
        self.verbs = Verbs(engine, tools, where, Workshop(where, ProcessTasks()), lambda: 1)

    def _make_key(self, folder: Path) -> None:
        key = Ed25519PrivateKey.generate()
        folder.mkdir(parents=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "appliance.key").write_bytes(pem)
        (folder / "appliance.pem").write_bytes(pem_of(key))

    def merged(self, files: dict[str, bytes | None]) -> tuple[str, str]:
        """A pull request's head and its merge, which main then is."""
        self.repository.git("checkout", "-q", "-b", "change")
        head = self.repository.commit(files, "change")
        self.repository.git("checkout", "-q", "main")
        self.repository.git("merge", "-q", "--no-ff", "-m", "merge", "change")
        merge = self.repository.git("rev-parse", "HEAD")
        self.machine.contents[self.version(merge)] = Content(self.version(merge), steps=STEPS)
        return head, merge

    def version(self, merge: str) -> str:
        return f"0.1.0.dev4+g{merge[:9]}"

    def ask(self, peer: Peer, verb: str, head: str, **args: Any) -> dict[str, Any]:
        pack = self.folder / "sent"
        pack.write_bytes(self.repository.pack(self.base, head))
        fd = os.open(pack, os.O_RDONLY)
        try:
            found: dict[str, Any] = self.verbs(Ask(f"bootstrap_{verb}", {"number": 7, **args}), peer, fd)
            return found
        finally:
            os.close(fd)


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    return Joined(tmp_path)


def test_what_was_approved_is_built_signed_installed_and_says_where_it_comes_from(joined: Joined) -> None:
    head, merge = joined.merged({"src/att/words.py": WORDS, "src/att/gone.py": None})
    proposed = joined.ask(API, "propose", head, commit=head)
    assert proposed["proposal"]["difference"]["changed"] == ["src/att/words.py"]
    assert proposed["proposal"]["difference"]["removed"] == ["src/att/gone.py"]
    said = {name: proposed[name] for name in ("commit", "tree", "seen")}
    assert joined.ask(ANN, "approve", head, **said)["problem"] is None
    joined.ask(API, "release", merge, commit=merge, job="job_1", checks=["unit: passed"])
    version = joined.version(merge)
    assert joined.machine.world().links().current == version
    release = joined.machine.layout.release(version)
    assert verify_release(release) == []
    assert read_metadata(release).commit == merge
    told = json.loads((release / "provenance.json").read_text())
    assert (told["number"], told["commit"], told["head"], told["checks"]) == (7, merge, head, ["unit: passed"])
    assert [one["by"] for one in told["approvals"]] == ["ann(uid 1000)"]
    words = release / "venv/lib/python3.13/site-packages/att/words.py"
    assert words.read_bytes() == WORDS
    building = joined.machine.layout.upgrade_state / "building"
    assert list(building.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"locks/runtime.txt": b"# other\n"}, "build_inputs_missing"),
        ({"src/console/index.html": b"x"}, "build_inputs_missing"),
        ({"appliance/appliance.toml": b"[other]\n"}, "new_image_needed"),
    ],
)
def test_what_no_release_of_this_appliance_can_be_is_refused_when_it_is_proposed(
    joined: Joined, files: dict[str, bytes | None], code: str
) -> None:
    head, _ = joined.merged(files)
    with pytest.raises(AttError) as caught:
        joined.ask(API, "propose", head, commit=head)
    assert caught.value.code == code
    with pytest.raises(AttError) as caught:
        joined.ask(API, "status", head)
    assert caught.value.code == "proposal_unknown"


def test_a_pack_of_another_commit_than_is_named_is_refused(joined: Joined) -> None:
    head, merge = joined.merged({"src/att/words.py": WORDS})
    with pytest.raises(AttError) as caught:
        joined.ask(API, "propose", head, commit=merge)
    assert caught.value.code == "pack_damaged"
