"""Handing over to the next engine: the manager reads its unit first, whoever finished the commit."""

from collections.abc import Sequence

import pytest

from att.entrypoints import upgraded


def test_the_manager_reads_the_units_before_it_restarts_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Manager:
        def reload(self) -> None:
            asked.append("reload")

        def restart(self, names: Sequence[str]) -> None:
            asked.append(f"restart {' '.join(names)}")

    monkeypatch.setattr(upgraded, "Systemctl", Manager)
    upgraded.hand_over()
    assert asked == ["reload", "restart att-upgraded.service"]
