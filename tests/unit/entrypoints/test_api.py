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
