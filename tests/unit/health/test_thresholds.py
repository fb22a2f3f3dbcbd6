"""Thresholds: what a bundle may change, and what it may not."""

from pathlib import Path

import pytest

from att.health.thresholds import Thresholds, parse, read, scaled, stricter
from att.kernel.errors import Refused


def test_the_shipped_file_is_read(tmp_path: Path) -> None:
    found = read(Path(__file__).parents[3] / "upgrade" / "gates.toml")
    assert (found.successes, found.probation_seconds) == (5, 20.0)
    assert "canary" in found.required


@pytest.mark.parametrize(
    "values",
    [{"successes": 0}, {"successes": "5"}, {"successes": True}, {"nonsense": 1}, {"required": ["nonsense"]},
     {"required": "ready"}, {"ready_seconds": 1e9}, {"ready_seconds": -1}],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(Refused, match="cannot use here"):
        parse(values, "here")


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        read(tmp_path / "gone.toml")


def test_a_bundle_makes_the_gate_only_stricter() -> None:
    lax = Thresholds(successes=1, probation_seconds=1, required=("ready",), wanted=("canary", "disk"))
    found = stricter(Thresholds(), lax)
    assert (found.successes, found.probation_seconds) == (5, 20.0)
    assert set(found.required) == set(Thresholds().required)
    assert found.wanted == ("disk",)
    strict = stricter(Thresholds(), Thresholds(successes=9, probation_seconds=60))
    assert (strict.successes, strict.probation_seconds) == (9, 60)


def test_a_bundle_lengthens_a_deadline_up_to_three_times() -> None:
    assert stricter(Thresholds(), Thresholds(ready_seconds=45)).ready_seconds == 45
    assert stricter(Thresholds(), Thresholds(ready_seconds=3000)).ready_seconds == 90


@pytest.mark.parametrize(
    ("start", "self_test", "factor"),
    [(None, None, 1), (0.5, 2, 1), (2, 4, 1), (10, None, 5), (10, 8, 5), (None, 32, 8), (10, 32, 8), (1000, 1, 20)],
)
def test_deadlines_follow_the_slower_of_the_last_start_and_todays_self_test(
    start: float | None, self_test: float | None, factor: float
) -> None:
    found = scaled(Thresholds(), start, self_test)
    assert found.ready_seconds == 30 * factor
    assert found.probation_seconds == 20
