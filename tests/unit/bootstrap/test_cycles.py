"""Any order of deaths, pushes, merges by others, cancels: each cycle ends, merges and releases nothing unlooked at."""

from dataclasses import dataclass, field, replace
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from att.bootstrap.decision import (
    CheckIdentity,
    CheckRun,
    CycleOutcome,
    Done,
    Facts,
    Proposed,
    Proven,
    Pull,
    Rules,
    Step,
    Undo,
    Verdict,
    Why,
    due,
)

STEPS_TO_THE_END = 40


@dataclass
class Cycle:
    """One cycle in a world where commits are numbers; `onto` says which tip of main a commit contains."""

    rules: Rules
    commits: int = 1
    main: str = "m0"
    checks_file: str = "c0"
    release: str = "r0"
    onto: dict[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)
    merged: str | None = None
    approved: set[str] = field(default_factory=set)
    green: set[str] = field(default_factory=set)
    released: list[str] = field(default_factory=list)

    def new(self, letter: str) -> str:
        self.commits += 1
        return f"{letter}{self.commits}"

    def seen(self) -> Facts:
        """The facts as a probe would find them now."""
        head = self.facts.head
        wanted = None
        if self.facts.pull is not None and head is not None:
            wanted = CheckIdentity(head, self.checks_file, self.release)
        fits = head is not None and self.onto[head] == self.main
        return replace(self.facts, fits=fits, wanted=wanted, required=frozenset({"unit"}))

    def due(self) -> Step | Undo | Done:
        return due(self.seen(), self.rules)

    def do(self, what: Step | Undo, *, well: bool) -> None:
        """Carry a step out; `well` is how what it looks at turns out."""
        getattr(self, f"_{what.value}")(well)

    def _register(self, _: bool) -> None:
        self.facts = replace(self.facts, registered=True)

    def _branch(self, _: bool) -> None:
        self.facts = replace(self.facts, local=True)

    def _edit(self, well: bool) -> None:
        if not well:
            self.facts = replace(self.facts, failure=Why("edit_refused", "no"))
            return
        head = self.new("h")
        self.onto[head] = self.main
        self.facts = replace(self.facts, head=head)

    def _test(self, well: bool) -> None:
        assert self.facts.head is not None
        self.facts = replace(self.facts, proven=Proven(self.facts.head, well))

    def _pull_request(self, _: bool) -> None:
        assert self.facts.head is not None
        self.facts = replace(self.facts, pull=Pull(1, self.facts.head, "open"))

    def _checks(self, well: bool) -> None:
        wanted = self.seen().wanted
        assert wanted is not None
        if well:
            self.green.add(wanted.tree)
        self.facts = replace(self.facts, checks=(CheckRun("unit", "passed" if well else "failed", wanted),))

    def _approve(self, well: bool) -> None:
        head = self.facts.head
        assert head is not None
        if well:
            self.approved.add(head)
        self.facts = replace(self.facts, proposed=Proposed(head, approved=well, denied=not well))

    def _merge(self, well: bool) -> None:
        head = self.facts.head
        assert head in self.approved
        assert head in self.green
        assert self.onto[head] == self.main
        assert self.facts.proven == Proven(head, passed=True)
        assert not self.facts.cancelled
        if well:
            self.main = self.new("m")
            self.merged = head
            self.facts = replace(self.facts, pull=Pull(1, head, "merged"))

    def _release(self, _: bool) -> None:
        assert self.merged in self.approved
        assert not self.released
        self.released.append(self.merged)
        self.facts = replace(self.facts, verdict="running")

    def _health(self, well: bool) -> None:
        verdict: Verdict = "committed" if well else "rolled_back"
        self.facts = replace(self.facts, verdict=verdict)

    def _comment(self, _: bool) -> None:
        self.facts = replace(self.facts, commented=True)

    def _revert(self, _: bool) -> None:
        self.facts = replace(self.facts, reverted=True)

    def _close_pull_request(self, _: bool) -> None:
        assert self.facts.pull is not None
        self.facts = replace(self.facts, pull=replace(self.facts.pull, state="closed"))

    def _remove_branch(self, _: bool) -> None:
        self.facts = replace(self.facts, head=None)

    def _leave_worktree(self, _: bool) -> None:
        self.facts = replace(self.facts, local=False)


class Cycles(RuleBasedStateMachine):
    """The job does what is due, or dies over it before or after; the rest of the world does what it likes."""

    @initialize(releases=st.booleans())
    def begin(self, releases: bool) -> None:
        self.cycle = Cycle(Rules(releases=releases))

    @rule(well=st.integers(0, 9), died=st.sampled_from(["no", "before"]))
    def go_on(self, well: int, died: Literal["no", "before"]) -> None:
        """A death after an effect is no death to who asks for facts; one before it leaves things as they were."""
        what = self.cycle.due()
        if not isinstance(what, Done) and died == "no":
            self.cycle.do(what, well=well > 0)

    @rule()
    def cancel(self) -> None:
        self.cycle.facts = replace(self.cycle.facts, cancelled=True)

    @precondition(lambda self: self.cycle.merged is None)
    @rule()
    def somebody_merges(self) -> None:
        self.cycle.main = self.cycle.new("m")

    @precondition(lambda self: self.cycle.merged is None)
    @rule()
    def somebody_changes_the_checks(self) -> None:
        self.cycle.main, self.cycle.checks_file = self.cycle.new("m"), self.cycle.new("c")

    @rule()
    def an_operator_upgrades(self) -> None:
        self.cycle.release = self.cycle.new("r")

    @precondition(lambda self: self.cycle.facts.head is not None and self.cycle.merged is None)
    @rule()
    def somebody_pushes(self) -> None:
        head = self.cycle.new("p")
        self.cycle.onto[head] = self.cycle.main
        self.cycle.facts = replace(self.cycle.facts, head=head)

    @precondition(lambda self: self.cycle.facts.pull is not None and self.cycle.facts.pull.state == "open")
    @rule()
    def somebody_closes(self) -> None:
        assert self.cycle.facts.pull is not None
        self.cycle.facts = replace(self.cycle.facts, pull=replace(self.cycle.facts.pull, state="closed"))

    @invariant()
    def nothing_else_than_the_approved_is_released(self) -> None:
        if hasattr(self, "cycle"):
            assert set(self.cycle.released) <= self.cycle.approved
            assert set(self.cycle.released) <= {self.cycle.merged}

    def teardown(self) -> None:
        """Left alone it ends; what is over has left nothing, and what was merged and is not kept was taken back."""
        if not hasattr(self, "cycle"):
            return
        ended = self.cycle.due()
        for _ in range(STEPS_TO_THE_END):
            if isinstance(ended, Done):
                break
            self.cycle.do(ended, well=True)
            ended = self.cycle.due()
        assert isinstance(ended, Done)
        facts = self.cycle.facts
        assert facts.head is None
        assert not facts.local
        assert facts.pull is None or facts.pull.state != "open"
        if self.cycle.merged is None:
            assert ended.outcome in (CycleOutcome.FAILED, CycleOutcome.CANCELLED)
        elif ended.outcome not in (CycleOutcome.RELEASED, CycleOutcome.MERGED):
            assert facts.commented
            assert facts.reverted
        assert (ended.outcome is CycleOutcome.RELEASED) is (facts.verdict == "committed")


Cycles.TestCase.settings = settings(max_examples=4 * settings().max_examples, stateful_step_count=40)
TestCycles = Cycles.TestCase
