"""A writer that goes on through fifty upgrades in a row finds every row it was told of."""

import time

from tests.appliance.nspawn.outcomes import assert_nothing_was_lost
from tests.appliance.nspawn.upgrading import Upgrades
from tests.bench.table import Row, write

TIMES = 50
ADDITIVE_EACH = 10


def test_no_write_is_lost_or_done_twice_through_fifty_upgrades(quick: Upgrades) -> None:
    started = time.monotonic()
    with quick.load("fifty") as report:
        for number in range(1, TIMES + 1):
            additive = number % ADDITIVE_EACH == 0
            version, bundle = quick.make("good_additive" if additive else "good_none")
            code, _, said = quick.apply(bundle)
            assert code == 0, f"upgrade {number}: {said}"
            assert quick.serving() == version
            if additive:
                quick.kept += ("additive",)
            quick.inside(bundle).unlink()
            told = report.told.read_text().split()
            assert set(told) <= set(quick.rows("fifty")), f"lost in upgrade {number}"
    seconds = time.monotonic() - started
    rows = [
        Row("upgrades", f"{TIMES}, every tenth additive, in {seconds:.0f} s"),
        Row("load", report.summary, "lost 0, twice 0, 5 s"),
        Row("answers", str(report.seen["statuses"])),
    ]
    write("fifty-upgrades", "make e2e", rows)
    assert_nothing_was_lost(report)
