"""A whole platform as `make dev` runs it; one for all contract tests."""

from collections.abc import Iterator

import httpx
import pytest
from tests.fakes.platform import Running as Running
from tests.fakes.platform import platform as serve_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve_platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture
def http(platform: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, headers=platform.headers, timeout=30) as client:
        yield client
