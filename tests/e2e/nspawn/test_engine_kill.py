"""The engine is killed at every record of its journal, on real systemd; the appliance recovers by itself.

Line 6 of the first story: SIGKILL, then recovery: healthy, complete, committed data there. The engine of these
releases kills itself right after it made the record durable, so that no record is missed and none is hit twice.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.appliance.nspawn.container import Container
from tests.appliance.nspawn.upgrading import Report, Upgrades
from tests.bench.table import Row, write
from tests.fakes.bundles import CATALOGUE

from att_stage0.journal import decode
from att_stage0.transaction import Transaction, fold

RECORDS_MIN, RECORDS_MAX = 14, 30
RECOVERED_SECONDS_MAX = 120.0
HANDED_OVER_SECONDS_MAX = 30.0
VARIANTS = ("good_none", "good_additive", "good_breaking", "wrong_version")
ORDER = "var/lib/att/upgrade/kill-at"
STATUSES_WITH_FENCE = ("POST 503",)


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    found: list[Row] = []
    yield found
    if found:
        write("engine-kill", "make e2e", found)


def records(container: Container) -> tuple[int, Transaction | None]:
    """The journal's last sequence number and newest transaction, as they lie on the container's disk."""
    path = container.root / "opt/att/.upgrade/journal"
    found = decode(path.read_bytes()).records if path.exists() else ()
    transactions = fold(found)
    return (found[-1].sequence if found else 0), (transactions[-1] if transactions else None)


def finished(container: Container, former: str) -> Transaction:
    """The transaction after `former`, once nothing of it is left to do."""
    until = time.monotonic() + RECOVERED_SECONDS_MAX
    newest: Transaction | None = None
    while time.monotonic() < until:
        _, newest = records(container)
        if newest is not None and newest.id != former and newest.finished:
            return newest
        time.sleep(0.1)
    said = container.run("journalctl", "--no-pager", "-n", "80", "-u", "att-upgraded", check=False).stdout
    raise AssertionError(f"not finished: {newest}\n{said}")


def wait_until_engine_is_of(container: Container, release: str) -> None:
    """See that the manager would start, and where it runs has started, the engine of this release."""
    said, until = "", time.monotonic() + HANDED_OVER_SECONDS_MAX
    show = ("systemctl", "show", "att-upgraded.service", "--property=ExecStart,MainPID,ActiveState")
    while time.monotonic() < until:
        said = container.run(*show).stdout
        pid = said.partition("MainPID=")[2].split()[0]
        runs = container.run("cat", f"/proc/{pid}/cmdline", check=False).stdout if pid != "0" else ""
        if f"releases/{release}/" in said and (not runs or f"releases/{release}/" in runs):
            return
        time.sleep(0.1)
    raise AssertionError(f"the engine is not that of {release}: {said}")


@dataclass
class Story:
    """One variant, upgraded to again and again, each time with the engine killed one record later."""

    upgrades: Upgrades
    variant: str
    bundle: Path | None = None
    ends: list[str] = field(default_factory=list)

    def kill_at(self, number: int) -> bool:
        """Upgrade with a kill after the transaction's `number`th record; False when it ended with fewer."""
        upgrades, container = self.upgrades, self.upgrades.appliance
        if self.bundle is None:
            _, self.bundle = upgrades.make(self.variant)
        last, former = records(container)
        order = container.root / ORDER
        order.write_text(str(last + number))
        code, _, said = upgrades.apply(self.bundle)
        end = finished(container, former.id if former else "")
        killed = not order.exists()
        order.unlink(missing_ok=True)
        self._check(end, killed=killed)
        # So many deaths in a row make the manager wait longer and longer before it starts the engine again.
        container.run("systemctl", "reset-failed", "att-upgraded.service")
        # The command that waits lives through the engine's death, but for one that dies before it answered.
        if number > 1:
            assert code == (0 if end.state == "COMMITTED" else 4), said
        self.ends.append(f"{number}: {end.state}" if killed else f"without a kill: {end.state}")
        print(f"{self.variant}: killed {killed} at record {number}: {end.state} {dict(end.failure)}", flush=True)
        self._next(end)
        return killed

    def _check(self, end: Transaction, *, killed: bool) -> None:
        upgrades, container = self.upgrades, self.upgrades.appliance
        if not killed:
            assert end.state == CATALOGUE[self.variant].outcome, dict(end.failure)
        if killed and end.state != "COMMITTED" and CATALOGUE[self.variant].outcome == "COMMITTED":
            assert end.failure["code" if end.state == "REFUSED" else "class"] in ("upgrade_interrupted", "interrupted")
        assert upgrades.current() == (end.target if end.state == "COMMITTED" else end.source)
        assert upgrades.serving() == upgrades.current()
        assert upgrades.sockets_down() == []
        wait_until_engine_is_of(container, upgrades.current())
        fence = container.run("systemctl", "is-active", "att-fence.service", check=False)
        assert fence.stdout.strip() != "active"
        assert not container.run("ls", "/run/att").stdout.split().count("fence")
        assert sorted(path.name for path in (container.root / "opt/att/.upgrade").iterdir() if path.is_file()) == [
            "journal",
            "lock",
            "reserve",
        ]

    def _next(self, end: Transaction) -> None:
        """What was interrupted is tried again; what was kept, or is remembered as bad, needs another version."""
        assert self.bundle is not None
        if end.state == "COMMITTED":
            self.upgrades.kept += CATALOGUE[self.variant].migrations
        interrupted = end.failure.get("code") == "upgrade_interrupted" or end.failure.get("class") == "interrupted"
        if not interrupted:
            self.upgrades.inside(self.bundle).unlink()
            self.bundle = None


def nothing_told_is_lost(upgrades: Upgrades, report: Report, prefix: str, number: int) -> None:
    told = set(report.told.read_text().split())
    assert told <= set(upgrades.rows(prefix)), f"lost after record {number}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_engine_killed_at_every_record_leaves_a_healthy_appliance(
    quick: Upgrades, rows: list[Row], variant: str
) -> None:
    story, prefix, started = Story(quick, variant), variant.replace("_", "-"), time.monotonic()
    killed, number = True, 0
    with quick.load(prefix, rate=5) as report:
        while killed and number < RECORDS_MAX:
            number += 1
            killed = story.kill_at(number)
            nothing_told_is_lost(quick, report, prefix, number)
    seconds = time.monotonic() - started
    rows.append(Row(variant, f"{number - 1} kills in {seconds:.0f} s: {', '.join(story.ends)}", "all healthy"))
    rows.append(Row(f"{variant}, load", report.summary, "lost 0, refused 0"))
    assert not killed
    assert number > RECORDS_MIN
    assert report.seen["errors"] == report.refused() == {}
    assert report.bad_statuses(*STATUSES_WITH_FENCE) == {}
    assert report.seen["writes_lost"] == report.seen["writes_twice"] == report.seen["fenced_but_made"] == []
