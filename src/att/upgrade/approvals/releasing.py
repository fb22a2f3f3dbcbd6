"""From a merge to an upgrade: what is signed is decided here, and what became of it is remembered.

A cycle's file is written before its upgrade begins and says afterwards which one it is. The journal carries the
cycle's job too, so an engine that died in between finds it again: `settle` may run at any time and any number of times.
"""

import contextlib
import os
from collections.abc import Sequence

from att.kernel.errors import Conflict, NotFound
from att.machine.audit.record import write_audit
from att.release.trust import APPLIANCE_KEY, load_signing_key
from att.upgrade import decision as upgrades
from att.upgrade.approvals import decision
from att.upgrade.approvals.difference import digest_of
from att.upgrade.approvals.lineage import built_of, demand_clean, next_version, still_held
from att.upgrade.approvals.schema import Built, Cycle, Held, Provenance, Record
from att.upgrade.approvals.service import Proposals, Running
from att.upgrade.schema import Transaction
from att.upgrade.service import Asked, Engine
from att.upgrade.wire import Peer
from att_stage0.transaction import fold

CYCLES_MAX = 128
HOLDING = upgrades.OWN_FAULTS | {"self_test_failed"}
"""Refusals that are the change's own fault; after any other one the same merge may be released again."""


class Releases:
    """What is built and signed of the proposals, through one engine."""

    def __init__(self, proposals: Proposals, engine: Engine) -> None:
        self._proposals = proposals
        self._store = proposals.store
        self._engine = engine
        self._tools = proposals.tools
        self._world = proposals.tools.world

    def release(
        self,
        pack_fd: int,
        peer: Peer,
        *,
        number: int,
        commit: str,
        job: str,
        checks: Sequence[str] = (),
        request_id: str = "",
    ) -> str:
        """Build and sign the merge `commit`, begin the upgrade to it, return the transaction's id.

        The same job asked again gets the same transaction. Raises what `signing_problem` says, Conflict(key_reused,
        upgrade_running, approval_stale), Refused(release_unclean, base_unrelated), what unpacking and building refuse.
        """
        self.settle()
        begun = self._begun(job, number, commit)
        if begun:
            return begun
        self._engine.demand_idle()
        proposals, running = self._proposals, self._proposals.running()
        demand_clean(running.version)
        change = proposals.record(number).proposal.change
        # Before anything is unpacked for nothing: what would be said if the merge were what it is said to be.
        self._demand(running, number, Built(commit=commit, parents=(change.commit,), tree=change.tree), None)
        with proposals.unpacked(pack_fd, base=running.commit, head=commit) as sources:
            commits = sources.commits
            built = built_of(commits, commit, digest_of(sources.tree))
            former = self._store.held()
            held = still_held(former, commits, base=running.commit, merge=commit)
            record = self._demand(running, number, built, held)
            version = next_version(running.version, commits, base=running.commit, merge=commit)
            provenance = self._provenance(record, commit, job, checks)
            key = load_signing_key(self._tools.facts.paths.local_trust / APPLIANCE_KEY)
            path = proposals.workshop.make(
                sources, running=self._tools.release(running.version), version=version, provenance=provenance, key=key
            )
        frees = former is not None and any(one.id == former.commit for one in commits)
        cycle = Cycle(job=job, number=number, commit=commit, frees=frees, at=proposals.now())
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            path.unlink()
        with proposals.state, contextlib.ExitStack() as given:
            given.callback(os.close, fd)
            # Again: people may have said something while it was built, or another release runs by now.
            self._demand(proposals.running(), number, built, held)
            self._make_room(job)
            self._store.put_cycle(cycle)
            asked = Asked(by=peer.told, request_id=request_id, cycle=job)
            transaction = self._engine.apply(fd, asked, given.pop_all().close)
            self._store.put_cycle(cycle.model_copy(update={"transaction": transaction}))
            return transaction

    def settle(self) -> None:
        """Look after the cycles that have no verdict yet: hold main after a rollback, free it after its revert."""
        with self._proposals.state:
            for cycle in self._store.cycles()[0]:
                if cycle.verdict is None:
                    self._settle(cycle)

    def cycles(self) -> tuple[list[Cycle], list[str]]:
        """Return what became of every release, oldest first, and which files cannot be read."""
        self.settle()
        return self._store.cycles()

    def _demand(self, running: Running, number: int, built: Built, held: Held | None) -> Record:
        """Return the proposal as it stands now, or raise why nothing of it is signed."""
        proposals = self._proposals
        record = proposals.record(number)
        change = record.proposal.change
        problem = decision.base_problem(record.proposal, running.commit) or decision.signing_problem(
            change,
            record.approvals,
            built,
            setting=proposals.setting(),
            operators=proposals.operators(),
            paused=self._store.paused() is not None,
            held=held,
            denied=decision.denial_of(change, self._store.denials()),
        )
        if problem is not None:
            raise problem
        return record

    def _provenance(self, record: Record, commit: str, job: str, checks: Sequence[str]) -> Provenance:
        proposal = record.proposal
        return Provenance(
            number=proposal.number,
            commit=commit,
            head=proposal.change.commit,
            tree=proposal.change.tree,
            base=proposal.base,
            approval=self._proposals.setting(),
            approvals=tuple(decision.counting(proposal.change, record.approvals)),
            dropped=proposal.change.dropped,
            checks=tuple(checks),
            job=job,
            at=self._proposals.now(),
        )

    def _begun(self, job: str, number: int, commit: str) -> str:
        known = self._store.cycle(job)
        if known is None or not known.transaction:
            return ""
        if (known.number, known.commit) != (number, commit):
            raise Conflict("key_reused", f"cannot release: {job} released pull request {known.number}")
        return known.transaction

    def _settle(self, cycle: Cycle) -> None:
        transaction = cycle.transaction or self._transaction_of(cycle.job)
        if not transaction:
            return
        try:
            found = self._engine.show(transaction)
        except NotFound:
            return
        if found.verdict == "running":
            if not cycle.transaction:
                self._store.put_cycle(cycle.model_copy(update={"transaction": transaction}))
            return
        if found.verdict == "committed" and cycle.frees:
            self._store.put_held(None)
        if found.verdict == "committed":
            self._store.drop_record(cycle.number)
        elif _holds(found):
            self._store.put_held(Held(commit=cycle.commit, number=cycle.number))
            told = {"commit": cycle.commit, "transaction": transaction, "job": cycle.job}
            write_audit(self._world.layout.audit, "bootstrap.held", by="att-upgraded", number=cycle.number, **told)
        # Last: until it is written, all of this is done again.
        self._store.put_cycle(cycle.model_copy(update={"transaction": transaction, "verdict": found.verdict}))

    def _transaction_of(self, job: str) -> str:
        found = fold(self._world.journal.read().records)
        return next((one.id for one in reversed(found) if one.values.get("cycle") == job), "")

    def _make_room(self, job: str) -> None:
        cycles = [one for one in self._store.cycles()[0] if one.job != job]
        if len(cycles) >= CYCLES_MAX:
            over = [one for one in cycles if one.verdict is not None or not one.transaction]
            self._store.drop_cycle((over or cycles)[0].job)


def _holds(found: Transaction) -> bool:
    code = found.failure.code if found.failure else ""
    return found.verdict in ("rolled_back", "failed_safe") or (found.verdict == "refused" and code in HOLDING)
