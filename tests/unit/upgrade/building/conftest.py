"""An empty repository, and a store of objects that is closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.repositories import Repository

from att.upgrade.building.store import ObjectStore


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "repository").mkdir()
    return Repository(tmp_path / "repository")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    (tmp_path / "store").mkdir()
    found = ObjectStore(tmp_path / "store")
    yield found
    found.close()
