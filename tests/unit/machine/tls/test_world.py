"""Which workers of nginx still take connections, and how its trial of a pair is prepared."""

import os
from pathlib import Path

import pytest

from att.appliance import facts
from att.effects.processes import Finished
from att.machine.tls import world
from att.machine.tls.world import Nginx, takes_connections


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


def test_the_folder_of_the_trial_is_the_fronts_only_when_root_has_written_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = facts().rooted(tmp_path)
    here.paths.run.mkdir(parents=True)
    (here.paths.image / "nginx").mkdir(parents=True)
    pair = here.paths.tls / "server.pem"
    (here.paths.image / "nginx/att.conf").write_text(f"ssl_certificate {pair};\n")
    given: list[list[str]] = []
    asked: list[str] = []

    def run(command: list[str], **_: object) -> Finished:
        asked.append(Path(command[-1]).read_text())
        return Finished(0, "", "")

    monkeypatch.setattr(world, "USER", "root")
    monkeypatch.setattr(world, "run", run)
    monkeypatch.setattr(os, "chown", lambda work, *_: given.append([one.name for one in work.iterdir()]))
    assert Nginx(here).refusal(Path("/candidate")) == ""
    assert given == [["att.conf"]]
    assert asked == ["ssl_certificate /candidate;\n"]
    assert list(here.paths.run.iterdir()) == []
