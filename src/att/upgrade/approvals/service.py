"""Proposals and what people say of them: looked at, written down, told. What is signed of them: `releasing`."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from att.kernel.errors import Conflict, InvalidInput, NotFound, TooMany, Unavailable
from att.release.installed import read_metadata
from att.release.schema import METADATA
from att.upgrade.approvals import decision
from att.upgrade.approvals.decision import Setting
from att.upgrade.approvals.difference import change_of
from att.upgrade.approvals.lineage import demand_clean
from att.upgrade.approvals.ports import Sources, Workshop
from att.upgrade.approvals.schema import APPROVALS_MAX, Approval, Cycle, Denial, Paused, Proposal, Record
from att.upgrade.approvals.setting import approval_setting
from att.upgrade.approvals.standing import Standing, Status, seen_of, standing
from att.upgrade.approvals.store import Store
from att.upgrade.tools import Tools
from att.upgrade.wire import Peer

PROPOSALS_MAX = 64
WAIT_SECONDS = 120.0
"""How long a request waits for the workshop while another one is in it."""


@dataclass(frozen=True)
class Running:
    """The release that runs: its version, and the commit it was built from."""

    version: str
    commit: str


class Proposals:
    """What is proposed, approved, denied and paused. `operators` counts the people who could approve.

    Every method raises AttError; Failed(bootstrap_damaged) when a file of the store cannot be read.
    """

    def __init__(self, tools: Tools, workshop: Workshop[Any], operators: Callable[[], int]) -> None:
        self.tools = tools
        self.workshop = workshop
        self.store = Store(tools.world)
        self.state = threading.Lock()
        """Held while the store is read and changed, never while something is unpacked or built."""
        self.operators = operators
        self._inside = threading.Lock()
        self._running: tuple[tuple[str, int, int], Running] | None = None

    # -- asked by the API

    def propose(
        self,
        pack_fd: int,
        peer: Peer,
        *,
        number: int,
        commit: str,
        releases: bool,
        dropped: Sequence[str] = (),
        subject: str = "",
    ) -> Standing:
        """Look at a change and remember it; approvals of the very same change stay.

        Raises Refused(new_image_needed, release_unclean), TooMany(bootstrap_full), what the workshop refuses: before
        anybody is asked it says which wheels or tools a build here would lack.
        """
        running = self.running()
        demand_clean(running.version)
        with self.unpacked(pack_fd, base=running.commit, head=commit) as sources:
            change, difference = change_of(commit, sources.base, sources.tree, dropped=dropped, releases=releases)
            problem = decision.proposal_problem(change)
            if problem is not None:
                raise problem
            if releases:
                self.workshop.demand(sources, running=self.tools.release(running.version))
        proposal = Proposal(
            number=number,
            base=running.commit,
            change=change,
            difference=difference,
            subject=subject,
            by=peer.told,
            at=self.now(),
        )
        with self.state:
            former = self.store.record(number)
            same = former is not None and (former.proposal.base, former.proposal.change) == (proposal.base, change)
            if former is None:
                self._make_room()
            self.store.put_record(
                Record(proposal=proposal, approvals=former.approvals if former is not None and same else ())
            )
            return self._standing(number, whole=True)

    def withdraw(self, number: int) -> bool:
        """Forget a proposal with what was said of it, but for a no; returns whether there was one."""
        with self.state:
            found = self.store.record(number) is not None
            self.store.drop_record(number)
            return found

    # -- said by operators

    def approve(
        self, peer: Peer, *, number: int, commit: str, tree: str, seen: str, protected: Sequence[str] = ()
    ) -> Standing:
        """Take an operator's yes to `commit` with `tree`; `protected` names the protected paths, all or none.

        `seen` is that of the standing that was looked at. An earlier no to the same tree is taken back with it.
        Raises NotFound(proposal_unknown), Forbidden(approval_door), Conflict(approval_stale), InvalidInput.
        """
        with self.state:
            record = self.record(number)
            change = record.proposal.change
            problem = decision.base_problem(record.proposal, self.running().commit) or decision.approving_problem(
                change, commit=commit, tree=tree, door=peer.door, kind="person"
            )
            if problem is None and seen != seen_of(record.proposal):
                problem = Conflict("approval_stale", "cannot approve: it is not what is proposed now")
            if problem is not None:
                raise problem
            if protected and set(protected) != set(change.protected):
                text = "cannot approve: those are not the protected paths that it changes"
                raise InvalidInput("invalid_input", text, field="protected", data={"paths": list(change.protected)})
            named = tuple(sorted(set(protected)))
            said = Approval(
                commit=commit, tree=tree, by=peer.told, door="ssh", kind="person", protected=named, at=self.now()
            )
            denials = self.store.denials()
            denied = decision.denial_of(change, denials) is not None
            kept = (
                () if denied else tuple(one for one in record.approvals if (one.by, one.protected) != (said.by, named))
            )
            self.store.put_record(record.model_copy(update={"approvals": (*kept, said)[-APPROVALS_MAX:]}))
            if denied:
                self.store.put_denials(tuple(one for one in denials if one.tree != change.tree))
            return self._standing(number, whole=True)

    def deny(self, peer: Peer, *, number: int, reason: str = "") -> Standing:
        """Take an operator's no to what is proposed now under a number, wherever that tree comes again.

        Every yes to that tree is gone with it.
        """
        with self.state:
            change = self.record(number).proposal.change
            same = [one for one in self.store.records()[0] if one.proposal.change.tree == change.tree]
            denials = [one for one in self.store.denials() if one.tree != change.tree]
            said = Denial(
                number=number, commit=change.commit, tree=change.tree, by=peer.told, at=self.now(), reason=reason
            )
            self.store.put_denials((*denials, said))
            for record in same:
                self.store.put_record(record.model_copy(update={"approvals": ()}))
            return self._standing(number, whole=True)

    def pause(self, peer: Peer, reason: str = "") -> Paused:
        """Have nothing released until `resume`; who paused first stays named."""
        with self.state:
            found = self.store.paused() or Paused(by=peer.told, at=self.now(), reason=reason)
            self.store.put_paused(found)
            return found

    def resume(self) -> None:
        """Let releases happen again."""
        with self.state:
            self.store.paused()
            self.store.put_paused(None)

    # -- told

    def status(self, cycles: Sequence[Cycle], problems: Sequence[str]) -> Status:
        """Return where everything stands; `cycles` are those that were looked after, with what was unreadable."""
        records, unreadable = self.store.records()
        base, setting, operators = self.running().commit, self.setting(), self.operators()
        denials = self.store.denials()
        return Status(
            paused=self.store.paused(),
            held=self.store.held(),
            setting=setting,
            operators=operators,
            base=base,
            proposals=[standing(one, denials, base=base, setting=setting, operators=operators) for one in records],
            cycles=list(cycles),
            problems=[*unreadable, *problems],
        )

    def show(self, number: int) -> Standing:
        """Return one proposal in full; NotFound(proposal_unknown)."""
        with self.state:
            return self._standing(number, whole=True)

    # -- for this room

    def record(self, number: int) -> Record:
        """Return a proposal with its approvals; NotFound(proposal_unknown)."""
        found = self.store.record(number)
        if found is None:
            raise NotFound("proposal_unknown", f"cannot find it: nothing is proposed of pull request {number}")
        return found

    def setting(self) -> Setting:
        """Return upgrade.approval as root's own file has it now."""
        return approval_setting(self.tools.facts.paths.config)

    def running(self) -> Running:
        """Return what runs; Unavailable where there is no release."""
        current = self.tools.world.links().current
        if current is None:
            raise Unavailable("base_moves", "cannot go on: no release runs")
        release = self.tools.release(current)
        # It lists every file of a release: megabytes, which are not read for each question.
        stamp = (release / METADATA).stat()
        key = (current, stamp.st_ino, stamp.st_mtime_ns)
        if self._running is None or self._running[0] != key:
            self._running = key, Running(current, read_metadata(release).commit)
        return self._running[1]

    def now(self) -> datetime:
        """Return the time for people."""
        return datetime.fromtimestamp(self.tools.world.clock.now(), UTC)

    @contextmanager
    def unpacked(self, pack_fd: int, *, base: str, head: str) -> Iterator[Sources]:
        """Have a pack unpacked, one at a time; Conflict(base_moves) when that is not soon."""
        if not self._inside.acquire(timeout=WAIT_SECONDS):
            raise Conflict("base_moves", "cannot look at it: another change is in the workshop")
        try:
            sources = self.workshop.unpack(pack_fd, base=base, head=head)
            try:
                yield sources
            finally:
                sources.close()
        finally:
            self._inside.release()

    def _standing(self, number: int, *, whole: bool) -> Standing:
        base, setting, operators = self.running().commit, self.setting(), self.operators()
        denials = self.store.denials()
        return standing(self.record(number), denials, base=base, setting=setting, operators=operators, whole=whole)

    def _make_room(self) -> None:
        """Forget the oldest proposal that is over where there are many; one that a person approved stays."""
        records, _ = self.store.records()
        if len(records) < PROPOSALS_MAX:
            return
        released = {one.number for one in self.store.cycles()[0] if one.verdict is not None}
        denials, base = self.store.denials(), self.running().commit
        over = [
            one.proposal.number
            for one in records
            if one.proposal.number in released
            or decision.base_problem(one.proposal, base) is not None
            or decision.denial_of(one.proposal.change, denials) is not None
        ]
        waiting = [one.proposal.number for one in records if not one.approvals]
        if not over and not waiting:
            raise TooMany("bootstrap_full", f"cannot take it: {len(records)} approved changes wait to be released")
        self.store.drop_record((over or waiting)[0])
