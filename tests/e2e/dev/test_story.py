"""An app's whole life, from its template to a merged change that runs, told by attctl alone and by MCP alone.

An agent tells it; a person approves. It is offline: whatever takes part sees a network of loopback alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.bench.table import Row, write
from tests.e2e.dev.bare import seconds_to_healthy
from tests.e2e.dev.doors import Do, Door, Said, attctl, mcp
from tests.e2e.dev.service import Dev

from att.entrypoints.dev import development_facts

CREATE_SECONDS = 2.0
START_RATIO = 1.3
STARTS = 3
CHECKS_SECONDS = 300.0
ASKED = {"chatbot": ("What is 17 * 23?", "391"), "tool-server": ('Count the words of "one two three"', "3 words")}
_names = count(1)


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("story", "make e2e", told)


@dataclass
class Figures:
    """What was measured, in seconds; the best of several starts."""

    created: float = 0.0
    started: float = 0.0
    bare: float = 0.0

    @property
    def ratio(self) -> float:
        return self.started / self.bare


@pytest.mark.parametrize("template", sorted(ASKED))
@pytest.mark.parametrize("way_in", [attctl, mcp], ids=["attctl", "mcp"])
def test_an_app_is_made_changed_tested_reviewed_merged_run_and_removed(
    dev: Dev, tmp_path: Path, rows: list[Row], way_in: Callable[[Dev, Path, str], Door], template: str
) -> None:
    person = way_in(dev, tmp_path / "person", dev.token).do
    agent = person("att.token.create", name=f"agent {next(_names)}", role="developer", kind="agent")
    do, figures = way_in(dev, tmp_path / "agent", agent["token"]).do, Figures()

    began = time.monotonic()
    made = do("att.project.create", name=f"My {template} {next(_names)}", template=template)
    figures.created = time.monotonic() - began
    project = made["id"]
    assert made["status"] == "created"
    changed(do, project)
    counts = passed(do, project)
    merged(do, person, project)
    work = development_facts(dev.folder / "data").paths.projects / project / "work"
    for number in range(STARTS):
        started(do, project, figures)
        answered(do, project, *ASKED[template])
        stopped(do, project)
        (tmp_path / f"bare{number}").mkdir()
        figures.bare = min(figures.bare or 1e9, seconds_to_healthy(work, tmp_path / f"bare{number}"))
    deleted(do, project)
    assert not work.exists()

    who = f"{way_in.__name__}, {template}"
    rows += [
        Row(f"{who}: created", f"{figures.created:.2f} s", f"{CREATE_SECONDS:g} s"),
        Row(
            f"{who}: start to healthy",
            f"{figures.started:.2f} s",
            f"{START_RATIO} × bare",
            f"bare nat serve {figures.bare:.2f} s",
            f"{figures.ratio:.2f}",
        ),
        Row(f"{who}: tests", f"{counts['total']} passed"),
    ]
    assert figures.created < CREATE_SECONDS, rows
    assert figures.ratio <= START_RATIO, rows


def test_a_clone_of_a_project_is_started_stopped_and_deleted(dev: Dev, tmp_path: Path) -> None:
    do = attctl(dev, tmp_path / "person", dev.token).do
    first = do("att.project.create", name=f"Cloned {next(_names)}", template="chatbot")["id"]
    forge = development_facts(dev.folder / "data").paths.forge
    clone = do("att.project.clone", source=f"file://{forge / first}.git", name=f"Clone {next(_names)}")
    assert clone["status"] == "cloned"
    assert do("att.runtime.start", project_id=clone["id"])["healthy"]
    assert do("att.project.status", project_id=clone["id"])["status"] == "running"
    stopped(do, clone["id"])
    assert do("att.project.status", project_id=clone["id"])["status"] == "stopped"
    deleted(do, clone["id"])
    deleted(do, first)


def changed(do: Do, project: str) -> None:
    """Change a file on a branch; who would overwrite the change of somebody else is refused."""
    do("att.git.branch", project_id=project, name="better")
    before = do("att.code.read", project_id=project, path="README.md")
    text = before["content"] + "\nBetter.\n"
    do("att.code.write", project_id=project, path="README.md", content=text, expected=before["sha256"])
    with pytest.raises(Said) as conflict:
        do("att.code.write", project_id=project, path="README.md", content="lost", expected=before["sha256"])
    assert conflict.value.code == "file_changed"
    files = do("att.git.status", project_id=project)["files"]
    assert [(one["path"], one["worktree"]) for one in files] == [("README.md", "modified")]
    assert "+Better." in do("att.code.diff", project_id=project)["diff"]


def passed(do: Do, project: str) -> dict[str, int]:
    """Run all tests of the project; none fails and none is left out."""
    run = do("att.test.run", project_id=project)
    counts: dict[str, int] = run["report"]["counts"]
    assert run["outcome"] == "passed", run
    assert counts["skipped"] == 0
    assert counts["passed"] == counts["total"] > 10
    return counts


def merged(do: Do, person: Do, project: str) -> None:
    """Take the change to main: nothing goes there that was not checked and approved by a person."""
    commit = do("att.git.commit", project_id=project, message="docs: better", all=True)["commit"]
    do("att.git.push", project_id=project)
    pull = do("att.git.pr.create", project_id=project, title="Better")
    assert (pull["head"], pull["base"], pull["head_commit"]) == ("better", "main", commit)
    this = {"project_id": project, "number": pull["number"]}
    with pytest.raises(Said) as early:
        do("att.git.pr.merge", **this)
    assert early.value.code == "checks_missing"
    wait_for_checks(do, this)
    with pytest.raises(Said) as unseen:
        do("att.git.pr.merge", **this)
    assert unseen.value.code == "approval_missing"
    with pytest.raises(Said) as own:
        do("att.git.pr.approve", **this)
    assert own.value.code == "people_only"
    person("att.git.pr.approve", **this)
    assert do("att.git.pr.merge", **this)["state"] == "merged"
    do("att.git.branch", project_id=project, name="main", existing=True)
    do("att.git.fetch", project_id=project)
    do("att.git.merge", project_id=project, ref="origin/main")
    assert commit in [one["commit"] for one in do("att.git.log", project_id=project)["commits"]]
    assert do("att.code.read", project_id=project, path="README.md")["content"].endswith("\nBetter.\n")


def started(do: Do, project: str, figures: Figures) -> None:
    """Start the app and note how long it took until it was healthy."""
    began = time.monotonic()
    assert do("att.runtime.start", project_id=project)["healthy"]
    figures.started = min(figures.started or 1e9, time.monotonic() - began)


def answered(do: Do, project: str, question: str, answer: str) -> None:
    """Ask the app, and read the trace of its answer."""
    said = do("att.runtime.ask", project_id=project, message=question)
    assert answer in said["answer"]
    trace = do("att.trace.read", trace_id=said["trace_id"])
    assert [part["kind"] for part in trace].count("step") == said["steps"] > 0


def stopped(do: Do, project: str) -> None:
    """Stop the app; its log tells of its start."""
    assert do("att.runtime.stop", project_id=project)["state"] == "stopped"
    log = "".join(part["text"] for part in do("att.runtime.logs", project_id=project, limit=1000))
    assert "Application startup complete" in log


def deleted(do: Do, project: str) -> None:
    """Delete the project; nobody finds it any more."""
    do("att.project.delete", project_id=project)
    with pytest.raises(Said) as gone:
        do("att.project.status", project_id=project)
    assert gone.value.code == "project_unknown"


def wait_for_checks(do: Do, this: dict[str, Any]) -> None:
    """Wait until every check of a pull request has ended; all passed."""
    deadline = time.monotonic() + CHECKS_SECONDS
    while True:
        states = {one["name"]: one["state"] for one in do("att.git.pr.checks", **this)["checks"]}
        if states and not {"queued", "running"} & {*states.values()}:
            assert set(states.values()) == {"passed"}, states
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.5)
