"""The machine's clocks."""

from att.effects.clock import SystemClock


def test_the_boot_has_a_name_and_its_clock_runs_forward() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= first
    assert clock.boot_id() == clock.boot_id() != ""
    assert clock.now() > 0
