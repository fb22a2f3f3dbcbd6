"""Trying, keeping and reverting a network on a folder; networkd and the timer are played, power cuts too."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.machine.network.test_decision import network

from att.appliance import Facts, facts
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, NotFound
from att.machine.network.decision import render
from att.machine.network.schema import Network
from att.machine.network.service import KEPT_FILE, TRIAL_FILE, NetworkService

FIRST, SECOND = network(), network(addresses=("192.0.2.8/24",), gateways=("192.0.2.1",))


class PowerCut(BaseException):
    pass


class Links:
    """networkd: `lives` is the file that it took up last; the timer does what the shell of the real one does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 1_000.0
        self.armed: float | None = None
        self.lives = ""
        self.fails = ""
        self.unarmable = ""
        self.before: Callable[[str], None] = lambda _step: None

    def wired(self) -> list[str]:
        return ["ens3"]

    def addresses(self) -> list[str]:
        return ["ens3 192.0.2.99/24"]

    def since_boot(self) -> float:
        return self.now

    def arm(self, interface: str, seconds: float) -> str:
        self.before("arm")
        assert interface == "ens3"
        assert self.armed is None
        if not self.unarmable:
            self.armed = self.now + seconds
        return self.unarmable

    def disarm(self) -> None:
        self.before("disarm")
        self.armed = None

    def reload(self, interface: str) -> str:
        self.before("reload")
        assert interface == "ens3"
        if not self.fails:
            self.lives = self.file()
        return self.fails

    def file(self) -> str:
        for name in (TRIAL_FILE, KEPT_FILE):
            if (self.root / name).exists():
                return (self.root / name).read_text()
        return ""

    def passes(self, seconds: float) -> None:
        self.now += seconds
        if self.armed is not None and self.now >= self.armed:
            (self.root / TRIAL_FILE).unlink(missing_ok=True)
            self.armed, self.lives = None, self.file()

    def reboot(self) -> None:
        shutil.rmtree(self.root / "run", ignore_errors=True)
        self.now, self.armed, self.lives = 1.0, None, self.file()


class World:
    def __init__(self, root: Path) -> None:
        self.facts: Facts = facts().rooted(root)
        self.facts.paths.config.parent.mkdir(parents=True)
        self.links = Links(root)
        self.network = NetworkService(self.facts, self.links)


@pytest.fixture
def at(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_network_is_tried_confirmed_and_there_after_a_reboot(at: World) -> None:
    assert at.network.show().in_force == "default"
    at.network.set(FIRST)
    assert at.links.lives == ""
    tried = at.network.apply()
    assert (tried.in_force, tried.seconds_left, tried.kept) == ("trial", 120, False)
    kept = at.network.confirm()
    assert (kept.in_force, kept.seconds_left, kept.kept) == ("kept", None, True)
    at.links.passes(1_000)
    at.links.reboot()
    assert at.links.lives == render(FIRST)


def test_without_a_word_it_is_as_before_after_two_minutes_or_a_reboot(at: World) -> None:
    at.network.set(FIRST)
    at.network.apply()
    at.network.confirm()
    at.network.set(SECOND)
    at.network.apply()
    assert "192.0.2.8" in at.links.lives
    at.links.passes(119)
    assert "192.0.2.8" in at.links.lives
    at.links.passes(1)
    assert at.links.lives == render(FIRST)
    at.network.apply()
    at.links.reboot()
    assert at.links.lives == render(FIRST)
    shown = at.network.show()
    assert (shown.in_force, shown.kept, shown.wanted) == ("kept", False, SECOND)


def test_a_trial_is_reverted_at_once(at: World) -> None:
    at.network.set(FIRST)
    at.network.apply()
    assert at.network.revert().in_force == "default"
    assert (at.links.lives, at.links.armed) == ("", None)


def test_without_a_timer_nothing_is_tried(at: World) -> None:
    at.network.set(FIRST)
    at.links.unarmable = "no manager"
    with pytest.raises(Failed, match="no timer would take it back"):
        at.network.apply()
    assert at.links.file() == ""


def test_a_network_that_networkd_refuses_is_taken_back_and_the_timer_stays_for_what_is_left(at: World) -> None:
    at.network.set(FIRST)
    at.links.fails = "no such link"
    with pytest.raises(Failed) as refused:
        at.network.apply()
    assert refused.value.code == "network_failed"
    assert at.links.file() == ""
    assert at.links.armed is not None


def test_what_cannot_be_done_now_is_told_with_its_code(at: World) -> None:
    def code(act: Callable[[], object]) -> str:
        with pytest.raises(AttError) as refused:
            act()
        return refused.value.code

    assert code(at.network.apply) == "network_unset"
    assert code(at.network.confirm) == code(at.network.revert) == "network_not_on_trial"
    at.network.set(FIRST)
    at.network.apply()
    assert code(at.network.apply) == "network_on_trial"
    assert code(lambda: at.network.set(network(addresses=("x",)))) == "network_invalid"
    assert code(lambda: at.network.interface("eth7")) == "network_invalid"
    assert at.network.interface(None) == at.network.interface("ens3") == "ens3"
    at.links.wired = lambda: ["a", "b"]  # type: ignore[method-assign]
    assert code(lambda: at.network.interface(None)) == "network_invalid"
    at.facts.paths.config.with_name("network.json").write_text('{"interface": 7}')
    assert code(at.network.show) == "network_invalid"


class Trials(RuleBasedStateMachine):
    """Any order of words, minutes, reboots and power cuts: unconfirmed never lasts, confirmed always does."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.at = World(self.folder)
        self.kept = ""
        self.cut_at = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(wanted=st.sampled_from([FIRST, SECOND, Network(interface="ens3")]))
    def describe(self, wanted: Network) -> None:
        self.at.network.set(wanted)

    @rule()
    def apply(self) -> None:
        try:
            self.at.network.apply()
        except (Conflict, NotFound):
            return

    @rule()
    def confirm(self) -> None:
        try:
            self.at.network.confirm()
        except Conflict:
            return
        self.kept = (self.folder / KEPT_FILE).read_text()

    @rule()
    def revert(self) -> None:
        try:
            self.at.network.revert()
        except Conflict:
            return
        assert self.at.links.lives == self.kept

    @rule(seconds=st.sampled_from([1.0, 60.0, 120.0]))
    def wait(self, seconds: float) -> None:
        self.at.links.passes(seconds)

    @rule()
    def reboot(self) -> None:
        self.at.links.reboot()
        assert self.at.links.lives == self.kept

    @precondition(lambda self: (self.folder / "etc/att/network.json").exists())
    @rule(step=st.sampled_from(["arm", "reload", "disarm"]), act=st.sampled_from(["apply", "confirm", "revert"]))
    def die(self, step: str, act: str) -> None:
        """attctl is killed before one of its effects; the machine goes on."""

        def cut(name: str) -> None:
            if name == step:
                raise PowerCut

        self.at.links.before = cut
        before = self.kept
        try:
            getattr(self.at.network, act)()
        except (PowerCut, Conflict):
            pass
        finally:
            self.at.links.before = lambda _step: None
        now = (self.folder / KEPT_FILE).read_text() if (self.folder / KEPT_FILE).exists() else ""
        assert now == before or act == "confirm"
        self.kept = now

    @invariant()
    def a_trial_always_has_its_timer(self) -> None:
        assert not (self.folder / TRIAL_FILE).exists() or self.at.links.armed is not None

    @invariant()
    def what_lives_without_a_timer_is_what_is_kept(self) -> None:
        assert self.at.links.armed is not None or self.at.links.lives == self.kept


TestTrials = Trials.TestCase
TestTrials.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_a_description_that_cannot_be_leaves_the_former(at: World) -> None:
    at.network.set(FIRST)
    with pytest.raises(InvalidInput):
        at.network.set(network(gateways=("198.51.100.1",)))
    assert at.network.show().wanted == FIRST
