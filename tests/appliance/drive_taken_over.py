"""Runs in the appliance as an API that is taken over: its uid, its client of the engine, ATT's repository. Prints JSON.

Each way is one try to have something signed that no operator saw, or to have nobody asked. Told is, for each, the code
of the error that refused it; `done` where nothing did.
"""

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
from tests.appliance.drive_building import git, pack_of

from att.appliance import facts, release_root
from att.kernel.errors import AttError
from att.release.installed import read_metadata
from att.upgrade.building.launched import LaunchedTasks
from att.upgrade.client import EngineClient

NUMBER, OTHER_NUMBER = 4_242, 4_243
CHANGED = "src/att/surfaces/rest/failures.py"
WHERE = facts()
WHO = ("-c", "user.name=api", "-c", "user.email=api@att.invalid")
WHEN = "2026-01-01T00:00:00+00:00"
AUTO = "upgrade:\n  approval: auto\n"


class TakenOver:
    """What it has: a copy of ATT's repository, whose commits it makes as it likes, and the engine's socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = str(folder / "seed.git")
        self.engine = EngineClient(WHERE.unit("att-upgraded").socket_paths[0])
        git(self.repository, "clone", "-q", "--bare", str(WHERE.paths.seed / "att.bundle"), self.repository)
        # The same files give the same commits whenever this runs.
        os.environ.update(GIT_INDEX_FILE=str(folder / "index"), GIT_AUTHOR_DATE=WHEN, GIT_COMMITTER_DATE=WHEN)
        self.base = read_metadata(release_root()).commit
        self.head = self.commit("# looked at\n", self.base)
        self.evil = self.commit("# never looked at\n", self.base)

    def commit(self, line: str, *parents: str) -> str:
        """Return a commit of the base's files with a line more in one of them."""
        text = git(self.repository, "show", f"{self.base}:{CHANGED}") + line.encode()
        blob = git(self.repository, "hash-object", "-w", "--stdin", given=text).decode().strip()
        git(self.repository, "read-tree", self.base)
        git(self.repository, "update-index", "--cacheinfo", f"100644,{blob},{CHANGED}")
        tree = git(self.repository, "write-tree").decode().strip()
        named = [word for parent in parents for word in ("-p", parent)]
        return git(self.repository, *WHO, "commit-tree", "-m", "Change", *named, tree).decode().strip()

    def ask(self, verb: str, commit: str, number: int = NUMBER, *, packed: str | None = None, **more: Any) -> None:
        """Propose or release a commit, with the objects of it or of another one."""
        pack = self.folder / "pack"
        pack.write_bytes(pack_of(self.repository, self.base, packed or commit))
        self.engine.call_now(verb, {"number": number, "commit": commit, **more}, file=pack)

    def propose(self, commit: str, number: int = NUMBER, **more: Any) -> None:
        self.ask("bootstrap_propose", commit, number, **more)

    def release(self, commit: str, number: int = NUMBER, *, packed: str | None = None) -> None:
        self.ask("bootstrap_release", commit, number, packed=packed, job="job_1", checks=[])

    def exchange(self, merge: str, number: int, *proposed: str, **more: Any) -> None:
        """Propose one after the other in place of what was allowed, and release."""
        for commit in proposed:
            self.propose(commit, number, **more)
        self.release(merge, number)

    def says(self, verb: str) -> None:
        """Say what operators say, of what the engine shows."""
        seen = self.engine.call_now("bootstrap_status", {"number": NUMBER})["proposal"]
        of_what = {} if verb in ("bootstrap_pause", "bootstrap_resume") else {"number": NUMBER}
        if verb == "bootstrap_approve":
            of_what |= {name: seen[name] for name in ("commit", "tree", "seen")}
        self.engine.call_now(verb, of_what)


def before_a_yes(it: TakenOver) -> Mapping[str, Callable[[], object]]:
    """What it tries while its change waits for people."""
    paths, merge = WHERE.paths, it.commit("# looked at\n", it.base, it.head)
    launcher = WHERE.unit("att-launcher").socket_paths[0]
    engine = int(run("systemctl", "show", "--property=MainPID", "--value", "att-upgraded.service"))
    return {
        "say yes": lambda: it.says("bootstrap_approve"),
        "say no": lambda: it.says("bootstrap_deny"),
        "pause": lambda: it.says("bootstrap_pause"),
        "resume": lambda: it.says("bootstrap_resume"),
        "call itself an operator": lambda: it.propose(it.head, by="operator"),
        "release without a yes": lambda: it.release(merge),
        "release what was never proposed": lambda: it.release(merge, OTHER_NUMBER),
        "set auto through the engine": lambda: it.engine.call_now("config_apply", {"text": AUTO}),
        "set auto in the file": lambda: paths.config.write_text(AUTO),
        "put another file of settings there": lambda: paths.config.with_name("new").write_text(AUTO),
        "apply a bundle that it signed": lambda: apply(it, Path(sys.argv[2])),
        "read the key": lambda: (paths.local_trust / "appliance.key").read_bytes(),
        "trust a key of its own": lambda: (paths.local_trust / "api.pub").write_text("key"),
        "trust a key of its own in the image": lambda: (paths.trust / "api.pub").write_text("key"),
        "write the engine's records": lambda: (paths.upgrade_state / "approvals.json").write_text("{}"),
        "put a release there": lambda: (paths.releases / "9.9.9").mkdir(),
        "have another release run": lambda: (paths.current.parent / "next").symlink_to("/tmp"),
        "have the launcher build": lambda: LaunchedTasks(launcher).run(Path("build_1")),
        "start a build": lambda: run("systemctl", "start", "att-build@any.service"),
        "stop the engine": lambda: run("systemctl", "stop", "att-upgraded.service"),
        "read the engine's memory": lambda: Path(f"/proc/{engine}/mem").read_bytes(),
        "be root": lambda: run("sudo", "-n", "true"),
        "say yes with attctl": lambda: run("attctl", "bootstrap", "approve", str(NUMBER), "--yes"),
    }


def after_a_yes(it: TakenOver) -> Mapping[str, Callable[[], object]]:
    """What it tries with the change that an operator allowed; the last ones propose something else in its place."""
    merge, other = it.commit("# looked at\n", it.base, it.head), it.commit("# never looked at\n", it.base, it.head)
    many = it.commit("# never looked at\n", it.base, it.head, it.evil)
    return {
        "merge other files": lambda: it.release(other),
        "release what is no merge": lambda: it.release(it.head),
        "merge the allowed one and another": lambda: it.release(many),
        "name one merge and pack another": lambda: it.release(merge, packed=other),
        "name a commit that nobody has": lambda: it.release("e" * 40, packed=merge),
        "use the yes for another pull request": lambda: it.exchange(merge, OTHER_NUMBER, it.head),
        "hide that tests are dropped": lambda: it.exchange(merge, NUMBER, it.head, dropped=["tests/a.py::b"]),
        "propose another and come back": lambda: it.exchange(merge, NUMBER, it.evil, it.head),
        "propose another": lambda: it.exchange(it.commit("# never looked at\n", it.base, it.evil), NUMBER, it.evil),
    }


def apply(it: TakenOver, bundle: Path) -> None:
    begun = it.engine.call_now("apply", {}, file=bundle)["transaction"]
    seen = anyio.run(ended, it.engine, begun)
    if seen["failure"] is not None and seen["verdict"] == "refused":
        raise AttError(seen["failure"]["code"], seen["failure"]["detail"])


async def ended(engine: EngineClient, transaction: str) -> Mapping[str, Any]:
    """Return what became of a transaction."""
    found: Mapping[str, Any] = [item async for item in engine.watch(transaction)][-1]["result"]
    return found


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def refusal(way: Callable[[], object]) -> str:
    """Return how a way was refused."""
    try:
        way()
    except AttError as error:
        return error.code
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        return f"exit {error.returncode}: {next((one for one in lines if one.startswith('error[')), lines[0])}"
    return "done"


def main(when: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        it = TakenOver(Path(folder))
        if when == "before":
            it.propose(it.head)
        ways = before_a_yes(it) if when == "before" else after_a_yes(it)
        return {name: refusal(way) for name, way in ways.items()}


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout)
