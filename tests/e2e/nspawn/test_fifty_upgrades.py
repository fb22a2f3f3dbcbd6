"""A writer that goes on through fifty upgrades in a row finds every row it was told of."""

from tests.appliance.nspawn.upgrading import Upgrades, assert_nothing_was_lost
from tests.bench.table import Row, write

TIMES = 50


def test_no_write_is_lost_or_done_twice_through_fifty_upgrades(upgrades: Upgrades) -> None:
    with upgrades.load("fifty") as report:
        for number in range(1, TIMES + 1):
            version, bundle = upgrades.make("good_none")
            code, _, said = upgrades.apply(bundle)
            assert code == 0, f"upgrade {number}: {said}"
            assert upgrades.serving() == version
            (upgrades.appliance.root / str(bundle).lstrip("/")).unlink()
    rows = [Row(name, str(value)) for name, value in report.seen.items() if value]
    write("fifty-upgrades", "make e2e", [Row("upgrades", str(TIMES)), *rows])
    assert_nothing_was_lost(report)
