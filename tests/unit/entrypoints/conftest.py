"""What an entrypoint does to this process is taken back."""

import logging
import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """Most entrypoints begin with a umask and a journal; that of a former test writes to a stream that is gone."""
    before, root = os.umask(0o022), logging.getLogger()
    os.umask(before)
    handlers = [one for one in root.handlers if not getattr(getattr(one, "stream", None), "closed", False)]
    root.handlers[:] = handlers
    yield
    os.umask(before)
    root.handlers[:] = handlers
