"""Which workers of nginx still take connections, by the titles that they give themselves."""

from pathlib import Path

import pytest

from att.machine.tls.world import takes_connections


@pytest.mark.parametrize(
    ("title", "takes"),
    [
        (b"nginx: worker process\0", True),
        (b"nginx: worker process is shutting down\0", False),
        (b"", False),
    ],
)
def test_a_worker_takes_connections_until_it_is_told_to_leave_or_has_ended(
    tmp_path: Path, title: bytes, takes: bool
) -> None:
    (tmp_path / "cmdline").write_bytes(title)
    assert takes_connections(tmp_path) is takes


def test_a_worker_that_is_gone_takes_none(tmp_path: Path) -> None:
    assert not takes_connections(tmp_path / "4711")
