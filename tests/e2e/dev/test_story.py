"""An app's whole life, from its template to a merged change that runs, told by attctl alone and by MCP alone."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.bench.table import Row, write
from tests.e2e.dev.conftest import Dev
from tests.e2e.dev.doors import Attctl, Door, Mcp, Said

CREATE_SECONDS = 2.0
CHECKS_SECONDS = 300.0
ASKED = {"chatbot": ("What is 17 * 23?", "391"), "tool-server": ('Count the words of "one two three"', "3 words")}
_names = count(1)


def attctl(dev: Dev, folder: Path) -> Door:
    return Attctl(dev.url, dev.token_file, folder)


def mcp(dev: Dev, _: Path) -> Door:
    return Mcp(dev.url, dev.token)


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("story", "make e2e", told)


@pytest.mark.parametrize("template", sorted(ASKED))
@pytest.mark.parametrize("way_in", [attctl, mcp], ids=["attctl", "mcp"])
def test_an_app_is_made_changed_tested_reviewed_merged_run_and_removed(
    dev: Dev, tmp_path: Path, rows: list[Row], way_in: Callable[[Dev, Path], Door], template: str
) -> None:
    do = way_in(dev, tmp_path).do
    began = time.monotonic()
    made = do("att.project.create", name=f"My {template} {next(_names)}", template=template)
    created = time.monotonic() - began
    project = made["id"]
    assert made["status"] == "created"

    do("att.git.branch", project_id=project, name="better")
    before = do("att.code.read", project_id=project, path="README.md")
    text = before["content"] + "\nBetter.\n"
    do("att.code.write", project_id=project, path="README.md", content=text, expected=before["sha256"])
    with pytest.raises(Said) as conflict:
        do("att.code.write", project_id=project, path="README.md", content="lost", expected=before["sha256"])
    assert conflict.value.code == "file_changed"
    assert "+Better." in do("att.code.diff", project_id=project)["diff"]

    tested = do("att.test.run", project_id=project)
    assert tested["outcome"] == "passed"
    assert tested["report"]["counts"]["skipped"] == 0
    assert tested["report"]["counts"]["total"] > 10

    commit = do("att.git.commit", project_id=project, message="docs: better", all=True)
    do("att.git.push", project_id=project)
    pull = do("att.git.pr.create", project_id=project, title="Better", head="better")
    assert pull["head_commit"] == commit["commit"]
    with pytest.raises(Said) as early:
        do("att.git.pr.merge", project_id=project, number=pull["number"])
    assert early.value.code in ("checks_missing", "approval_missing")
    wait_for_checks(do, project, pull["number"])
    do("att.git.pr.approve", project_id=project, number=pull["number"])
    merged = do("att.git.pr.merge", project_id=project, number=pull["number"])
    assert merged["state"] == "merged"
    assert commit["commit"] in [
        one["commit"] for one in do("att.git.log", project_id=project, ref="origin/main")["commits"]
    ]

    began = time.monotonic()
    running = do("att.runtime.start", project_id=project)
    started = time.monotonic() - began
    assert running["healthy"]
    question, answer = ASKED[template]
    said = do("att.runtime.ask", project_id=project, message=question)
    assert answer in said["answer"]
    steps = do("att.trace.read", trace_id=said["trace_id"])
    assert len(steps) == said["steps"] > 0
    assert do("att.runtime.stop", project_id=project)["state"] == "stopped"
    do("att.project.delete", project_id=project)
    with pytest.raises(Said) as gone:
        do("att.project.status", project_id=project)
    assert gone.value.code == "project_unknown"
    rows += [
        Row(f"{way_in.__name__}, {template}: created", f"{created:.2f} s", f"{CREATE_SECONDS:g} s"),
        Row(f"{way_in.__name__}, {template}: start to healthy", f"{started:.1f} s"),
        Row(f"{way_in.__name__}, {template}: tests", f"{tested['report']['counts']['total']} passed"),
    ]
    assert created < CREATE_SECONDS


def wait_for_checks(do: Callable[..., dict[str, list[dict[str, object]]]], project: str, number: int) -> None:
    deadline = time.monotonic() + CHECKS_SECONDS
    while True:
        checks = do("att.git.pr.checks", project_id=project, number=number)["checks"]
        states = {str(one["name"]): one["state"] for one in checks}
        if states and not {"queued", "running"} & {*map(str, states.values())}:
            assert set(states.values()) == {"passed"}, states
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.5)
