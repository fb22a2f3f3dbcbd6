"""One appliance for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.upgrade.approvals.appliance import Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    yield made
    made.close()
