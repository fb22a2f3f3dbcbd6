"""Trying, keeping and reverting a network on a folder; networkd and the timer are played, power cuts too."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.fakes.chains import NOW, issue
from tests.fakes.site import authority
from tests.unit.machine.network.test_decision import network

from att.appliance import Facts, facts
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, NotFound
from att.machine.network.authorities import read_authorities
from att.machine.network.decision import Change, admitted, render
from att.machine.network.schema import Network
from att.machine.network.service import ADMITTED_FILE, ADMITTED_TRIAL_FILE, NetworkService
from att.site.decision import Proxy, Site
from att.site.kept import KEPT_FILE, TRIAL_FILE, site_at

FIRST, SECOND = network(), network(addresses=("192.0.2.8/24",), gateways=("192.0.2.1",))
PROXY, OTHER_PROXY = "http://proxy.test:3128", "http://10.9.9.9:8080"
ROOT = authority().authorities
WHERE = {"proxy.test": ["10.1.2.3", "fd00::3"], "10.9.9.9": ["10.9.9.9"], "bad.test": ["169.254.169.254"]}


class PowerCut(BaseException):
    pass


class Links:
    """networkd: `lives` is the file that it took up last; the timer does what the shell of the real one does.

    `admitted` is what the service manager took up last of where the way out may go.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 1_000.0
        self.armed: float | None = None
        self.lives = ""
        self.admitted: list[str] = []
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
        assert interface in ("ens3", "")
        assert self.armed is None
        if not self.unarmable:
            self.armed = self.now + seconds
        return self.unarmable

    def finish(self) -> None:
        self.before("finish")
        if self.armed is not None:
            self.passes(self.armed - self.now)

    def disarm(self) -> None:
        self.before("disarm")
        self.armed = None

    def reload(self, interface: str) -> str:
        self.before("reload")
        assert interface in ("ens3", "")
        if not self.fails:
            self.lives = self.file()
        return self.fails

    def find(self, host: str) -> list[str]:
        self.before("find")
        return WHERE.get(host, [])

    def admit(self) -> str:
        self.before("admit")
        self.admitted = self.drop_ins()
        return ""

    def drop_ins(self) -> list[str]:
        paths = (self.root / name for name in (ADMITTED_FILE, ADMITTED_TRIAL_FILE))
        return [one for path in paths if path.exists() for one in admitted(path.read_text())]

    def file(self) -> str:
        for name in (TRIAL_FILE, KEPT_FILE):
            if (self.root / name).exists():
                return (self.root / name).read_text()
        return ""

    def passes(self, seconds: float) -> None:
        self.now += seconds
        if self.armed is not None and self.now >= self.armed:
            (self.root / TRIAL_FILE).unlink(missing_ok=True)
            there = any((self.root / name).exists() for name in (ADMITTED_TRIAL_FILE, ADMITTED_FILE))
            (self.root / ADMITTED_TRIAL_FILE).unlink(missing_ok=True)
            self.armed, self.lives = None, self.file()
            self.admitted = self.drop_ins() if there else self.admitted

    def reboot(self) -> None:
        shutil.rmtree(self.root / "run", ignore_errors=True)
        self.now, self.armed, self.lives, self.admitted = 1.0, None, self.file(), self.drop_ins()


class World:
    def __init__(self, root: Path) -> None:
        self.facts: Facts = facts().rooted(root)
        self.facts.paths.config.parent.mkdir(parents=True)
        self.links = Links(root)
        self.network = NetworkService(self.facts, self.links, lambda: datetime.now(UTC))

    def set(self, wanted: Network) -> None:
        """Describe all of a network, and nothing of the one before."""
        gone = Change(wanted, wanted.proxy, wanted.no_proxy, wanted.proxy is None, wanted.authorities)
        if wanted.interface is None:
            self.facts.paths.config.with_name("network.json").unlink(missing_ok=True)
            gone = replace(gone, link=None)
        self.network.set(gone)

    def wants(self) -> Site:
        """Return what processes would read now."""
        return site_at(self.links.root)


@pytest.fixture
def at(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_network_is_tried_confirmed_and_there_after_a_reboot(at: World) -> None:
    assert at.network.show().in_force == "default"
    at.set(FIRST)
    assert at.links.lives == ""
    tried = at.network.apply()
    assert (tried.in_force, tried.seconds_left, tried.kept) == ("trial", 120, False)
    kept = at.network.confirm()
    assert (kept.in_force, kept.seconds_left, kept.kept) == ("kept", None, True)
    at.links.passes(1_000)
    at.links.reboot()
    assert at.links.lives == render(FIRST)


def test_without_a_word_it_is_as_before_after_two_minutes_or_a_reboot(at: World) -> None:
    at.set(FIRST)
    at.network.apply()
    at.network.confirm()
    at.set(SECOND)
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
    assert (shown.in_force, shown.kept) == ("kept", False)
    assert shown.wanted is not None
    assert shown.wanted.addresses == SECOND.addresses


def test_a_trial_is_reverted_at_once(at: World) -> None:
    at.set(FIRST)
    at.network.apply()
    assert at.network.revert().in_force == "default"
    assert (at.links.lives, at.links.armed) == ("", None)


def test_without_a_timer_nothing_is_tried(at: World) -> None:
    at.set(FIRST)
    at.links.unarmable = "no manager"
    with pytest.raises(Failed, match="no timer would take it back"):
        at.network.apply()
    assert at.links.file() == ""


def test_a_network_that_networkd_refuses_is_taken_back_and_the_timer_stays_for_what_is_left(at: World) -> None:
    at.set(FIRST)
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
    at.set(FIRST)
    at.network.apply()
    assert code(at.network.apply) == "network_on_trial"
    assert code(lambda: at.set(network(addresses=("x",)))) == "network_invalid"
    assert code(lambda: at.network.interface("eth7")) == "network_invalid"
    assert at.network.interface(None) == at.network.interface("ens3") == "ens3"
    at.links.wired = lambda: ["a", "b"]  # type: ignore[method-assign]
    assert code(lambda: at.network.interface(None)) == "network_invalid"
    for broken in ('{"interface": 7}', '{"proxy": "nonsense"}', "{"):
        at.facts.paths.config.with_name("network.json").write_text(broken)
        assert code(at.network.show) == code(at.network.apply) == "network_invalid"
        assert code(lambda: at.network.set(Change(proxy=PROXY))) == "network_invalid"


BEHIND = (
    Network(proxy=PROXY, authorities=ROOT),
    network(proxy=OTHER_PROXY, no_proxy=("example.org",)),
    network(proxy=PROXY),
)


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

    @rule(wanted=st.sampled_from([FIRST, SECOND, Network(interface="ens3"), *BEHIND]))
    def describe(self, wanted: Network) -> None:
        self.at.set(wanted)

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
    @rule(
        step=st.sampled_from(["finish", "arm", "reload", "find", "admit", "disarm"]),
        act=st.sampled_from(["apply", "confirm", "revert"]),
    )
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
    def the_way_to_the_proxy_that_holds_is_open_and_none_stays_open_but_by_a_cut(self) -> None:
        """Without a trial; during one it is open as soon as `apply` has returned."""
        if self.at.links.armed is not None:
            return
        proxy = self.at.wants().proxy
        assert set(WHERE[proxy.host] if proxy else []) <= set(self.at.links.admitted)

    @invariant()
    def a_trial_always_has_its_timer(self) -> None:
        assert not (self.folder / TRIAL_FILE).exists() or self.at.links.armed is not None

    @invariant()
    def what_lives_without_a_timer_is_what_is_kept(self) -> None:
        assert self.at.links.armed is not None or self.at.links.lives == self.kept


TestTrials = Trials.TestCase
TestTrials.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_a_description_that_cannot_be_leaves_the_former(at: World) -> None:
    at.set(FIRST)
    with pytest.raises(InvalidInput):
        at.set(network(gateways=("198.51.100.1",)))
    shown = at.network.show().wanted
    assert shown is not None
    assert shown.gateways == FIRST.gateways


def test_a_proxy_and_an_authority_are_tried_like_an_address_and_gone_without_a_word(at: World) -> None:
    at.network.set(Change(proxy=PROXY, no_proxy=("example.org",), authorities=ROOT))
    assert at.wants() == Site()
    tried = at.network.apply()
    assert (tried.in_force, tried.proxy, tried.no_proxy) == ("trial", PROXY, ["example.org"])
    assert [one.subject for one in tried.authorities] == ["CN=Example Root"]
    assert any("start it again" in one for one in tried.warnings)
    assert at.wants() == Site(Proxy("proxy.test", 3128), ("example.org",), ROOT)
    assert at.links.admitted == ["10.1.2.3", "fd00::3"]
    at.links.passes(120)
    assert (at.wants(), at.links.admitted, at.links.drop_ins()) == (Site(), [], [])
    at.network.apply()
    at.links.reboot()
    assert (at.wants(), at.links.admitted) == (Site(), [])
    at.network.apply()
    assert at.network.revert().proxy is None
    assert (at.wants(), at.links.admitted) == (Site(), [])


def test_what_is_confirmed_holds_after_a_reboot_and_can_be_taken_away_in_the_same_way(at: World) -> None:
    at.network.set(Change(proxy=PROXY, authorities=ROOT))
    at.network.apply()
    kept = at.network.confirm()
    assert (kept.in_force, kept.kept, kept.proxy, len(kept.authorities)) == ("kept", True, PROXY, 1)
    at.links.reboot()
    assert (at.wants().authorities, at.links.admitted) == (ROOT, ["10.1.2.3", "fd00::3"])
    at.network.set(Change(proxy=OTHER_PROXY))
    at.network.apply()
    assert at.links.admitted == ["10.1.2.3", "fd00::3", "10.9.9.9"]
    at.network.confirm()
    assert (at.links.admitted, at.wants().authorities) == (["10.9.9.9"], ROOT)
    at.network.set(Change(without_proxy=True, authorities=()))
    assert "start it again" in at.network.apply().warnings[-1]
    at.network.confirm()
    at.links.reboot()
    assert (at.wants(), at.links.admitted, (at.links.root / ADMITTED_FILE).exists()) == (Site(), [], False)


def test_the_description_shows_authorities_by_name_and_old_releases_read_one_without_a_site(at: World) -> None:
    at.set(FIRST)
    written = json.loads(at.facts.paths.config.with_name("network.json").read_text())
    assert not {"proxy", "no_proxy", "authorities"} & set(written)
    shown = at.network.set(Change(authorities=ROOT)).model_dump(mode="json")
    assert shown["wanted"]["authorities"][0]["subject"] == "CN=Example Root"
    assert shown["wanted"]["addresses"] == list(FIRST.addresses)
    assert ROOT[0] not in json.dumps(shown)


@pytest.mark.parametrize(
    ("proxy", "why"),
    [("http://nowhere.test:3128", "nobody knows where"), ("http://bad.test:3128", "no proxy lives at")],
)
def test_a_proxy_that_cannot_be_found_is_taken_back_at_once(at: World, proxy: str, why: str) -> None:
    at.network.set(Change(proxy=proxy))
    with pytest.raises(Failed, match=why) as refused:
        at.network.apply()
    assert refused.value.code == "network_failed"
    assert (at.wants(), at.links.file(), at.links.armed) == (Site(), "", None)


def test_a_login_in_a_proxys_address_is_refused_and_neither_written_nor_told(at: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        at.network.set(Change(proxy="http://ann:hunter2@proxy.test:3128"))
    assert (refused.value.code, refused.value.field) == ("proxy_login", "proxy")
    assert "hunter2" not in str(refused.value)
    assert not at.facts.paths.config.with_name("network.json").exists()


def test_a_kept_file_that_somebody_broke_is_told(at: World) -> None:
    (at.links.root / KEPT_FILE).parent.mkdir(parents=True)
    (at.links.root / KEPT_FILE).write_text("[X-ATT]\nProxy=nonsense\n")
    with pytest.raises(InvalidInput, match="cannot read what holds of the network"):
        at.network.show()


def clock() -> datetime:
    return NOW


def test_authorities_are_read_each_once_whatever_stands_around_them() -> None:
    root, other = issue("Root", authority=True, use=None), issue("Other", authority=True, use=None)
    pem = b"a comment\n" + root.pem + other.key_pem() + root.pem + other.pem
    found = read_authorities(pem, clock)
    assert len(found) == 2
    assert b"PRIVATE" in pem
    assert read_authorities(root.pem, clock) == found[:1]


@pytest.mark.parametrize(
    ("pem", "code", "why"),
    [
        (b"nothing", "authority_unreadable", "cannot read the authorities"),
        (b"", "authority_unreadable", "cannot read the authorities"),
        (issue().pem, "authority_unusable", "is the certificate of no authority"),
        (issue("Old Root", authority=True, days=(-20, -1)).pem, "authority_unusable", "CN=Old Root expired on"),
        (issue("New Root", authority=True, days=(1, 9)).pem, "authority_unusable", "CN=New Root is not valid before"),
    ],
)
def test_what_is_no_authority_of_today_is_refused_with_its_code(pem: bytes, code: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        read_authorities(pem, clock)
    assert (refused.value.code, refused.value.field) == (code, "ca")


def test_services_may_read_what_is_written_whatever_the_umask_of_the_operator_is(at: World) -> None:
    at.network.set(Change(proxy=PROXY))
    before = os.umask(0o077)
    try:
        at.network.apply()
        at.network.confirm()
    finally:
        os.umask(before)
    for name in (KEPT_FILE, ADMITTED_FILE):
        path = at.links.root / name
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o755)
