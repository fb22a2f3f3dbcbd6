"""Settings of every test: loopback only, one asyncio backend, a fixed hypothesis profile."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("att", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("att")

HEAVY_FOLDERS = {"appliance", "e2e", "nat", "release", "console"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in HEAVY_FOLDERS:
            item.add_marker("heavy")
