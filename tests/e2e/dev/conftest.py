"""A fresh `make dev`, its own process in its own folder, with nothing of the network but loopback."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from tests.e2e.dev.service import Dev, development


@pytest.fixture(scope="module")
def offline() -> Iterator[None]:
    """Leave the network for a namespace of one's own, to which all that is started from here on belongs."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    os.unshare(os.CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        yield
    finally:
        os.setns(before, os.CLONE_NEWNET)
        os.close(before)


@pytest.fixture(scope="module")
def dev(offline: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with development(tmp_path_factory.mktemp("dev")) as served:
        yield served
