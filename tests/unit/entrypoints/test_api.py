"""How the API's process begins."""

import gc
from collections.abc import Callable

import pytest

from att.entrypoints import api, platform


def test_garbage_is_looked_for_from_readiness_on_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []

    def run(on_ready: Callable[[], None]) -> int:
        looked.append(gc.isenabled())
        on_ready()
        looked.append(gc.isenabled())
        return 3

    monkeypatch.setattr(platform, "run", run)
    try:
        assert api.main() == 3
    finally:
        gc.unfreeze()
        gc.enable()
    assert looked == [False, True]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("seconds_used", "rounds"),
    [([0.9, 0.7, 0.2], 3), ([0.4], 1), ([0.9] * 100, platform.WARM_SECONDS_MAX)],
    ids=["busy at first", "calm", "busy for ever"],
)
async def test_what_is_loaded_late_waits_for_a_calm_second_but_not_for_ever(
    seconds_used: list[float], rounds: int
) -> None:
    told = [0.0]
    warmed: list[int] = []
    looks = 0

    def used() -> float:
        nonlocal looks
        looks += 1
        if looks % 2 == 0:
            told[0] += seconds_used[looks // 2 - 1] * 1e-6
        return told[0]

    await platform.warm_when_calm(lambda: warmed.append(looks // 2), used=used, second=1e-6)
    assert warmed == [rounds]
