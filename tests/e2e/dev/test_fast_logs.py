"""An app that writes ten megabytes a second: who follows it gets every byte, also through a disconnect."""

from functools import partial
from pathlib import Path

import pytest
from tests.bench.table import write
from tests.e2e import fast_logs
from tests.e2e.dev.doors import Do, attctl
from tests.e2e.dev.service import Dev

LINES_A_SECOND = 100_000


@pytest.fixture
def producer(dev: Dev, tmp_path: Path) -> Do:
    """A started app, which writes as soon as it finds a file `go`."""
    do = attctl(dev, tmp_path / "person", dev.token).do
    project = do("att.project.create", name=fast_logs.NAME, template="chatbot")["id"]
    source = do("att.code.read", project_id=project, path=fast_logs.SOURCE)["content"]
    content = fast_logs.producing(source, rate=LINES_A_SECOND)
    do("att.code.write", project_id=project, path=fast_logs.SOURCE, content=content)
    assert do("att.runtime.start", project_id=project)["healthy"]
    return partial(do, project_id=project)


def test_one_reader_gets_every_byte_through_a_disconnect_and_is_done_soon_after(dev: Dev, producer: Do) -> None:
    reader = fast_logs.Reader(dev.url, dev.token)
    producer("att.code.write", path="go", content="")
    write("fast-logs", "make e2e", fast_logs.read_through_a_disconnect(reader, rate=LINES_A_SECOND))
