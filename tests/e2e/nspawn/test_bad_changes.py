"""Thirteen bad changes of ATT by itself: each is stopped where it must be, and the appliance is as it was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dev.vm.machine import wait_until
from tests.appliance.box import settled
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.bench.table import Row, write
from tests.e2e import story
from tests.e2e.changes import HINTS, PATCHES, Changes, Cycle
from tests.e2e.dev.doors import Mcp, Rest, Said

from att.appliance import facts
from att.bootstrap.decision import Step

BAD = PATCHES / "bad"
API = facts().unit("att-api").user
KEPT = "kept"
REPLAY = """
import json, sys
from att.kernel.errors import AttError
from att.surfaces.cli.engine import engine_call
asked = json.load(sys.stdin)
was, now = ({name: asked[one][name] for name in ("commit", "tree", "seen")} for one in ("was", "now"))
for said in (was, {**was, "commit": now["commit"]}, {**was, "tree": now["tree"]}, {**now, "seen": was["seen"]}):
    try:
        engine_call("bootstrap_approve", {"number": asked["number"], "protected": [], **said})
        print("approved")
    except AttError as error:
        print(error.code)
"""
SEEN = """
import json, sys
from att.surfaces.cli.engine import engine_call
print(json.dumps(engine_call("bootstrap_status", {"number": int(sys.argv[1])})["proposal"]))
"""
PYTHON = "/opt/att/current/venv/bin/python"


@dataclass(frozen=True)
class Stopped:
    """Where a bad change must end: the step, and the code of its problem or of its upgrade's failure."""

    step: Step
    code: str


@pytest.fixture(scope="module")
def machine(whole_root: Path, committed: str) -> Iterator[Container]:
    with overlay(whole_root, template.folder()) as container:
        container.boot()
        settled(container)
        container.told("project", "create", KEPT, "--template", "chatbot")
        yield container


@pytest.fixture(scope="module")
def changes(machine: Container) -> Changes:
    return Changes(machine)


@pytest.fixture(scope="module")
def first(changes: Changes) -> str:
    """The release that was there before any change."""
    return changes.serves()


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("bad-changes", "make e2e", told)


@pytest.mark.parametrize("name", ["breaks_a_unit_test", "breaks_an_import"])
def test_what_breaks_tests_gets_no_pull_request(changes: Changes, first: str, rows: list[Row], name: str) -> None:
    cycle = changes.ended(changes.begin(BAD / f"{name}.patch"))
    assert cycle["number"] is None
    stopped(changes, first, rows, name, cycle, Stopped(Step.TEST, "tests_failed"))


@pytest.mark.parametrize(
    ("name", "missing", "after_one"),
    [
        ("drops_tests", "approval_missing", None),
        ("touches_a_protected_path", "approval_missing", "approval_second"),
        ("weakens_the_checks", "approval_missing", "approval_second"),
    ],
)
def test_what_judges_changes_is_changed_by_people_alone_though_approval_is_automatic(
    changes: Changes, first: str, rows: list[Row], name: str, missing: str, after_one: str | None
) -> None:
    changes.settings(approval="auto")
    job = changes.begin(BAD / f"{name}.patch")
    number, code = waits_for(changes, job, missing), missing
    if after_one is not None:
        changes.approve(number)
        code = after_one
        waits_for(changes, job, code)
    with pytest.raises(AssertionError, match=code):
        changes.box.told("git", "pr", "merge", "att", str(number))
    cancelled(changes, first, rows, name, job, code)
    changes.settings(approval="required")


def test_an_agent_approves_nothing(machine: Container, changes: Changes, first: str, rows: list[Row]) -> None:
    job = changes.begin(BAD / "is_approved_by_an_agent.patch")
    number = waits_for(changes, job, "approval_missing")
    asked = ("token", "create", "--name", "agent", "--role", "developer", "--kind", "agent")
    token = machine.told(*asked)["token"]
    rest = Rest(machine.url(), token)
    route = f"/bootstrap/pulls/{number}/approve"
    assert [rest.status(method, route) for method in ("POST", "PUT")] == [404, 404]
    assert [name for name in Mcp(machine.url(), token).tools() if "approve" in name] == ["att.git.pr.approve"]
    with pytest.raises(Said) as refused:
        rest.do("att.git.pr.approve", project_id="att", number=number)
    assert refused.value.code == "people_only"
    by_api = machine.run("attctl", "bootstrap", "approve", str(number), "--yes", user=API, check=False)
    assert by_api.returncode != 0
    assert "error[not_allowed]" in by_api.stderr, by_api.stderr
    waits_for(changes, job, "approval_missing")
    cancelled(changes, first, rows, "is_approved_by_an_agent", job, "people_only")


def test_an_approval_counts_for_the_commit_that_was_looked_at_alone(
    machine: Container, changes: Changes, first: str, rows: list[Row]
) -> None:
    """What was approved is withdrawn, and its approval told again for the commit that comes instead."""
    told = ("git", "branch", "att", "replayed", "--start", "origin/main")
    machine.told("git", "fetch", "att", "--wait")
    machine.told(*told)
    source = machine.told("code", "read", "att", HINTS)["content"]
    number = pushed(machine, source.replace("the paths are", "one says: the paths are"))
    changes.approve(number)
    was = changes.proposal(number)
    assert was is not None
    assert was["missing"] is None
    replay = {"number": number, "was": seen(machine, number)}
    assert pushed(machine, source.replace("the paths are", "two say: the paths are")) == number
    with pytest.raises(AssertionError, match=r"approval_(stale|missing)"):
        machine.told("git", "pr", "merge", "att", str(number))
    machine.told("bootstrap", "propose", str(number), "--wait")
    now = changes.proposal(number)
    assert now is not None
    assert (now["missing"], now["commit"] != was["commit"]) == ("approval_missing", True)
    asked = json.dumps({**replay, "now": seen(machine, number)})
    codes = machine.run(PYTHON, "-P", "-c", REPLAY, user="operator", stdin=asked).stdout.split()
    assert set(codes) == {"approval_stale"}, codes
    found = changes.proposal(number)
    assert found is not None
    assert (found["missing"], found["approvals"]) == ("approval_missing", [])
    machine.told("git", "pr", "close", "att", str(number))
    rows.append(Row("replays_an_approval", "approve", how="approval_stale: it counts for another commit"))
    unharmed(changes, first)


@pytest.mark.parametrize(
    ("name", "verdict", "failure"),
    [
        ("breaks_the_engines_self_test", "refused", "self_test_failed"),
        ("breaks_attctl", "refused", "self_test_failed"),
        ("has_a_migration_that_fails", "refused", "migration_failed"),
        ("is_never_ready", "rolled_back", "gate_failed"),
        ("hangs_at_start", "rolled_back", "gate_failed"),
        ("crashes_in_a_loop", "rolled_back", "gate_failed"),
    ],
)
def test_what_does_not_run_well_is_not_the_release_and_main_gives_it_back(
    changes: Changes, first: str, rows: list[Row], name: str, verdict: str, failure: str
) -> None:
    cycle = changes.made(BAD / f"{name}.patch", *(["--revert"] if changes.status()["held"] else []))
    transaction = changes.box.told("upgrade", "show", cycle["transaction"])
    stopped(changes, first, rows, name, cycle, Stopped(Step.HEALTH, failure), transaction)
    assert transaction["verdict"] == verdict
    assert cycle["outcome"] == ("rolled_back" if verdict == "rolled_back" else "failed")
    number = cycle["number"]
    assert changes.status()["held"] == number
    (comment,) = changes.box.told("git", "pr", "review", "att", str(number))["comments"]
    assert transaction["failure"]["code"] in comment["body"]
    reverts = changes.box.told("git", "pr", "list", "att", "--state", "open")["pull_requests"]
    assert [one["head"] for one in reverts] == [f"revert/{number}"]
    with pytest.raises(AssertionError, match="main_held"):
        changes.box.told("bootstrap", "run", f"/home/operator/{name}.patch", "--title", "again", "--wait")


def waits_for(changes: Changes, job: str, code: str) -> int:
    """Wait until a change waits for people, for want of exactly that; returns its number."""
    proposal = changes.waiting(job)
    assert proposal["missing"] == code, proposal
    return int(proposal["number"])


def cancelled(changes: Changes, first: str, rows: list[Row], name: str, job: str, code: str) -> None:
    """Nobody allows it: it is taken back, and nothing of it is left."""
    changes.box.told("bootstrap", "cancel", job)
    cycle = changes.ended(job)
    assert cycle["outcome"] == "cancelled", cycle
    stopped(changes, first, rows, name, cycle, Stopped(Step.APPROVE, code))


def stopped(
    changes: Changes,
    first: str,
    rows: list[Row],
    name: str,
    cycle: Cycle,
    at: Stopped,
    transaction: Mapping[str, Any] | None = None,
) -> None:
    """A change has ended where it should, for the reason it should; the appliance is as it was."""
    reached, why = cycle["steps"][-1]["step"], cycle["problem"] or {}
    said, code = why.get("detail", ""), why.get("code")
    if cycle["outcome"] == "cancelled":
        said, code = "waited for people until it was cancelled", at.code
    if transaction is not None:
        failure = transaction["failure"]
        said, code = f"{transaction['verdict']}: {failure['detail']}", failure["code"]
    rows.append(Row(name, f"{reached}: {at.code}", how=said.partition("\n")[0][:200]))
    assert (reached, code) == (at.step, at.code), (cycle, transaction)
    unharmed(changes, first)


def unharmed(changes: Changes, first: str) -> None:
    """The release from before serves, with all that was there; nothing of a change is left in the worktree."""
    box = changes.box
    assert changes.serves() == first
    assert box.attctl("status", check=False).returncode == 0
    assert [one["slug"] for one in box.told("project", "list")["projects"]].count(KEPT) == 1
    assert box.told("code", "read", KEPT, "README.md")["content"]
    worktree = box.told("git", "status", "att")
    assert worktree["files"] == []
    assert not str(worktree["branch"]).startswith("bootstrap/")


def seen(machine: Container, number: int) -> dict[str, Any]:
    """What the engine shows an operator of a proposal: what `attctl bootstrap approve` sends back."""
    found: dict[str, Any] = json.loads(machine.run(PYTHON, "-P", "-c", SEEN, str(number), user="operator").stdout)
    return found


def pushed(machine: Container, content: str) -> int:
    """Push a commit of the hints with such content; returns the number of its pull request."""
    machine.write("/home/operator/hints.py", content)
    machine.told("code", "write", "att", HINTS, "/home/operator/hints.py")
    machine.told("git", "commit", "att", "--all", "--message", "hints")
    machine.told("git", "push", "att", "--wait")
    pulls = machine.told("git", "pr", "list", "att", "--state", "open")["pull_requests"]
    found = [one for one in pulls if one["head"] == "replayed"]
    if not found:
        found = [machine.told("git", "pr", "create", "att", "--title", "hints")]
    number = int(found[0]["number"])
    wait_until(lambda: story.checks(machine, "att", number) == {"passed"}, 300, "the checks to pass", every_seconds=1)
    machine.told("bootstrap", "propose", str(number), "--wait")
    return number
