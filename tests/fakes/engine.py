"""The upgrade engine as cycles ask it, in memory: packs are taken apart by git, people say yes by a call."""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tests.fakes.forging import plain_git

from att.kernel.errors import AttError, Conflict, Refused
from att.upgrade.approvals.schema import Cycle, Denial, Held, Paused
from att.upgrade.approvals.standing import Problem, Said, Standing, Status
from att.upgrade.approvals.tree import Entry, tree_digest
from att.upgrade.schema import Failure, ReleaseIds, Transaction

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MISSING = Problem(code="approval_missing", detail="cannot go on: nobody has approved it")


@dataclass
class FakeEngine:
    """`verdict` is what becomes of an upgrade that begins; it outlives every process of the API."""

    base: str = ""
    verdict: Literal["running", "committed", "rolled_back", "failed_safe", "refused"] = "committed"
    auto: bool = False
    approves: Callable[[int], bool] = lambda _: False
    standings: dict[int, Standing] = field(default_factory=dict)
    cycles: list[Cycle] = field(default_factory=list)
    paused: Paused | None = None
    held: Held | None = None
    running: str | None = None
    refuses: AttError | None = None
    refuses_release: AttError | None = None
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    proposed: int = 0
    released: list[str] = field(default_factory=list)
    asked_status: int = 0

    async def status(self) -> Status:
        self.asked_status += 1
        for number in self.standings:
            if self.approves(number):
                self.approve(number)
        return Status(
            paused=self.paused,
            held=self.held,
            setting="auto" if self.auto else "required",
            operators=1,
            base=self.base,
            proposals=list(self.standings.values()),
            cycles=self.cycles,
            problems=[],
        )

    async def ids(self) -> ReleaseIds:
        return ReleaseIds(deployed_release_id="1.0.0", release_metadata_source="registry")

    async def busy(self) -> Transaction | None:
        return None if self.running is None else await self.transaction(self.running)

    async def propose(
        self, pack: Path, *, number: int, commit: str, releases: bool, dropped: Sequence[str], subject: str
    ) -> Standing:
        if self.refuses is not None:
            raise self.refuses
        self.proposed += 1
        self.dropped[commit] = tuple(dropped)
        self.standings[number] = Standing(
            number=number,
            commit=commit,
            tree=digest_in(pack, self.base, commit),
            base=self.base,
            seen="0" * 64,
            releases=releases,
            subject=subject,
            protected=0,
            dropped=len(dropped),
            at=NOW,
            by="att",
            approvals=[],
            denied=None,
            problem=None if self.auto and not dropped else MISSING,
        )
        return self.standings[number]

    async def withdraw(self, number: int) -> None:
        self.standings.pop(number, None)

    def approve(self, number: int) -> None:
        """What an operator says at the SSH door."""
        said = [Said(by="ann", door="ssh", at=NOW, protected=0)]
        self.standings[number] = self.standings[number].model_copy(update={"problem": None, "approvals": said})

    def deny(self, number: int) -> None:
        found = self.standings[number]
        denial = Denial(number=number, commit=found.commit, tree=found.tree, by="ann", at=NOW)
        problem = Problem(code="bootstrap_denied", detail="cannot go on: ann said no")
        self.standings[number] = found.model_copy(update={"denied": denial, "problem": problem})

    async def release(self, pack: Path, *, number: int, commit: str, job: str, checks: Sequence[str]) -> str:
        for known in self.cycles:
            if known.job == job:
                return known.transaction
        if self.running is not None:
            raise Conflict("upgrade_running", f"cannot begin: {self.running} is under way")
        if self.refuses_release is not None:
            raise self.refuses_release
        standing = self.standings[number]
        assert standing.problem is None
        if digest_in(pack, self.base, commit, parent=standing.commit) != standing.tree:
            raise Refused("merge_differs", "cannot release: what was merged is not what was approved")
        transaction = f"tx_{len(self.cycles) + 1}"
        self.released.append(commit)
        self.cycles.append(Cycle(job=job, number=number, commit=commit, transaction=transaction, at=NOW))
        if self.verdict in ("rolled_back", "failed_safe"):
            self.held = Held(commit=commit, number=number)
        return transaction

    async def transaction(self, transaction: str) -> Transaction:
        failed = self.verdict in ("rolled_back", "failed_safe", "refused")
        failure = Failure(code="gate_failed", detail="it never became ready", failure_class="health_failure")
        if self.verdict == "committed":
            self.held = None
        return Transaction(
            id=transaction,
            kind="upgrade",
            state="COMMITTED",
            phase="done",
            verdict=self.verdict,
            by="ann",
            source="1.0.0",
            target="1.0.1",
            started=NOW,
            failure=failure if failed else None,
            log="rollback-1.log" if failed else None,
            requested_release_id="1.0.1",
            previous_release_id="1.0.0",
            rollback_release_id="1.0.0",
            deployed_release_id="1.0.0" if failed else "1.0.1",
            release_metadata_source="journal",
        )


def digest_in(pack: Path, base: str, head: str, *, parent: str = "") -> str:
    """Return the digest of the head's tree, out of the pack alone: nothing of base nor head may be missing in it."""
    with tempfile.TemporaryDirectory() as name, pack.open("rb") as objects:
        folder = Path(name)
        plain_git(folder, "init", "--quiet", "--bare")
        (folder / "shallow").write_text(f"{base}\n")
        taking = ["git", "index-pack", "--stdin", "--fsck-objects"]
        subprocess.run(taking, cwd=folder, stdin=objects, check=True, capture_output=True, timeout=30)
        between = plain_git(folder, "rev-list", "--objects", "--missing=error", head)
        assert base in between
        assert not parent or parent in plain_git(folder, "rev-list", "--parents", "-1", head).split()[1:]
        entries = []
        for line in plain_git(folder, "ls-tree", "-r", "-z", "--full-tree", head).split("\0")[:-1]:
            told, _, path = line.partition("\t")
            mode, _, blob = told.split()
            content = subprocess.run(["git", "cat-file", "blob", blob], cwd=folder, capture_output=True, check=True)
            entries.append(Entry(mode, path, hashlib.sha256(content.stdout).hexdigest()))
        return tree_digest(entries)
