"""An appliance in a folder, with everything that a backup takes, and far sides that may fail."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from att.appliance import Facts, load_facts
from att.backup.making import Making
from att.backup.reading import tell_nobody
from att.backup.restoring import Restoring
from att.backup.schema import Created
from att.backup.staging import Staging
from att.store import file
from att.store.repositories import copy_repositories
from att.upgrade.decision import Schema

FACTS = load_facts(Path(__file__).parents[3] / "appliance/appliance.toml")
MADE = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
Files = dict[str, str]


@dataclass
class Home:
    """One appliance below `root`; it is its own far side, which notes what it is asked to do."""

    root: Path
    release: str = "1.0.0"
    version: int = 5
    trouble: str = ""
    served: bool = False
    asked: list[str] = field(default_factory=list)
    before_effect: Callable[[str], None] = lambda _: None
    past: bytes = b'{"id":"txn_1","started":"2026-01-01"}\n'

    @cached_property
    def facts(self) -> Facts:
        return FACTS.rooted(self.root)

    def furnish(self, mark: str) -> None:
        """Give it a database, a project, a repository, settings, secrets and the engine's memory; all tell `mark`."""
        paths = self.facts.paths
        for name, text in self.texts(mark).items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (paths.secrets / "sealing-key").chmod(0o400)
        (paths.projects / "p000/work/link").symlink_to("README.md")
        database = paths.api_state / "db-3"
        connection = file.connect(database, create=True)
        connection.execute("CREATE TABLE told (mark TEXT)")
        connection.execute("INSERT INTO told VALUES (?)", (mark,))
        connection.close()
        paths.api_database.symlink_to("db-3")
        key = Ed25519PrivateKey.generate()
        paths.local_trust.mkdir(parents=True)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (paths.local_trust / "appliance.key").write_bytes(pem)
        paths.run.mkdir(parents=True)

    def texts(self, mark: str) -> Files:
        return {
            "etc/att/att.yaml": f"# {mark}\n",
            "etc/att/secrets.d/sealing-key": f"sealed by {mark}",
            "etc/att/tls/server.crt": f"certificate of {mark}",
            "var/lib/att/api/grants.key": f"grants of {mark}",
            "var/lib/att/api/uploads/up_1": "an upload that nobody finished",
            "var/lib/att/api/forge/prj_1.git/HEAD": "ref: refs/heads/main\n",
            "var/lib/att/api/forge/prj_1.git/packed-refs": f"# {mark}\n",
            "var/lib/att/api/forge/prj_1.git/objects/ab/cdef": f"object of {mark}",
            "var/lib/att/projects/p000/work/README.md": f"readme of {mark}",
            "var/lib/att/projects/p000/work/.venv/pyvenv.cfg": "can be made again",
            "var/lib/att/projects/p000/home/.cache/pip/x": "can be fetched again",
            "var/lib/att/projects/p000/tasks/task_1/log": "a log",
            "var/lib/att/router/state.json": f"router of {mark}",
            "var/lib/att/launcher/login.key": f"launcher of {mark}",
            "var/lib/att/upgrade/bad-versions.json": f'[{{"version": "0.9.{len(mark)}", "digest": "d"}}]',
            "var/lib/att/upgrade/bootstrap/paused.json": f'"{mark}"',
            "var/lib/att/upgrade/start.json": f'"{mark}"',
        }

    def backup(self, folder: Path, keep: int = 7, now: datetime = MADE) -> Created:
        return Making(self.facts, self, folder, keep, tell_nobody, lambda: now).make()

    def restoring(self) -> Restoring:
        staging = Staging(self.facts, self, chown=False)
        return Restoring(staging, self, tell_nobody, lambda name: self.before_effect(name))

    def told(self) -> str:
        """The mark in the live database."""
        connection = sqlite3.connect(self.facts.paths.api_database / "att.db")
        try:
            return str(connection.execute("SELECT mark FROM told").fetchone()[0])
        finally:
            connection.close()

    def seen(self) -> Files:
        """Every file below the state and the settings, but for the database and what is hidden at their top."""
        found = {}
        for top in ("etc/att", "var/lib/att"):
            for path in sorted((self.root / top).rglob("*")):
                name = path.relative_to(self.root).as_posix()
                if path.is_file() and "/api/db" not in name and "/trust/" not in name and not name.startswith(HIDDEN):
                    found[name] = path.read_text()
        return found

    def moment(self, stage: Path) -> None:
        stage.mkdir()
        paths = self.facts.paths
        forge = paths.forge
        file.snapshot(
            paths.api_database,
            stage / "database",
            lambda *_: None,
            lambda: copy_repositories(forge, stage / "forge"),
        )

    def schema(self, database: Path) -> Schema:
        return Schema(self.version, 1)

    def head(self) -> int:
        return self.version

    def migrate(self, database: Path) -> Schema:
        assert (database / "att.db").is_file()
        self.asked.append("migrate")
        return Schema(self.version, 1)

    def history(self) -> bytes:
        return self.past

    def serving(self) -> bool:
        return self.served

    def stand_by(self) -> None:
        self.asked.append("stand by")

    def hold(self) -> None:
        self.asked.append("hold")

    def settle(self) -> None:
        self.asked.append("settle")

    def let_go(self) -> None:
        self.asked.append("let go")

    def prove(self) -> str:
        self.asked.append("prove")
        return self.trouble


HIDDEN = ("etc/att/.", "var/lib/att/.")
