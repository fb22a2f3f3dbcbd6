"""ATT changes itself five times in a row, through every door; each release is built by the one before it."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.bundle.buildroot import cache_folder
from tests.appliance.box import settled
from tests.appliance.nspawn import template
from tests.appliance.nspawn.conftest import key_file
from tests.appliance.nspawn.container import Container, overlay
from tests.bench.table import Row, write
from tests.e2e.changes import HINTS, PATCHES, Changes, Cycle, Stopwatch, rows_of, steps_of
from tests.e2e.dev.doors import Do, Mcp, Rest, Said
from tests.e2e.dev.test_story import wait_for_checks
from tests.release.conftest import build_clone

from att.appliance import facts
from att.bootstrap.decision import Step
from att.release.bundle import open_bundle
from att.release.installed import read_metadata
from att.release.trust import TrustRoot, keyid_of

CYCLE_SECONDS_MAX = 300.0
FORGE = "var/lib/att/api/forge"
UNIT_TESTS_MIN, UNIT_SECONDS_MAX = 3_000, 1_800
ATT = {"project_id": "att"}
STORY = ["bootstrap.propose", "bootstrap.approve", "bootstrap.release"]
_texts = (f"text {number}: the paths are in /api/v1/openapi.json" for number in count(1))


@pytest.fixture(scope="module")
def machine(whole_root: Path, committed: str) -> Iterator[Container]:
    with overlay(whole_root, template.folder()) as container:
        container.boot()
        settled(container)
        yield container


@pytest.fixture(scope="module")
def changes(machine: Container) -> Changes:
    return Changes(machine)


@pytest.fixture(scope="module")
def token(machine: Container) -> str:
    """Of an agent: it may do everything but approve."""
    asked = ("token", "create", "--name", "agent", "--role", "developer", "--kind", "agent")
    return str(machine.told(*asked)["token"])


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("changes", "make e2e", told)


def test_every_unit_test_runs_on_the_appliance_too(machine: Container, rows: list[Row]) -> None:
    """Whatever a change touches, its tests can be run where it is made."""
    words = ("test", "run", "att", "--targets", "tests/unit", "--timeout-seconds", str(UNIT_SECONDS_MAX), "--wait")
    run = json.loads(machine.attctl("--json", *words, check=False, timeout_seconds=UNIT_SECONDS_MAX).stdout)
    counts = run["report"]["counts"]
    assert (run["outcome"], counts["failed"], counts["errors"]) == ("passed", 0, 0), run["report"]
    assert counts["passed"] > UNIT_TESTS_MIN
    rows.append(Row("unit tests on the appliance", f"{counts['passed']:,} passed, {counts['skipped']} skipped"))


def test_a_patch_becomes_the_running_release_in_one_job(changes: Changes, rows: list[Row]) -> None:
    before, watch = changes.serves(), Stopwatch()
    job = changes.begin(PATCHES / "good" / "another_hint.patch")
    proposal = changes.waiting(job)
    assert HINTS in changes.approve(proposal["number"])
    cycle = changes.ended(job)
    rows += rows_of("attctl, one job", steps_of(cycle), watch.seconds, CYCLE_SECONDS_MAX)
    kept(changes, cycle, before)
    assert changes.hint().startswith("every path")
    assert list(steps_of(cycle)) == list(Step), "every step was taken, in its order"
    told = changes.box.told("audit", "list", "--operation", "att.bootstrap.run")["records"]
    assert [(one["outcome"], one["caller_name"]) for one in told] == [("ok", "operator")]
    assert watch.seconds < CYCLE_SECONDS_MAX


@pytest.mark.parametrize("door", [Mcp, Rest])
def test_an_agent_takes_the_nine_steps_one_by_one_and_a_person_the_tenth(
    machine: Container, changes: Changes, token: str, rows: list[Row], door: type[Mcp | Rest]
) -> None:
    before, watch, text = changes.serves(), Stopwatch(), next(_texts)
    do, took = door(machine.url(), token).do, dict[Step, float]()
    number = proposed(do, text, f"by-{door.__name__.lower()}", took)
    with pytest.raises(Said) as early:
        do("att.git.pr.merge", **ATT, number=number)
    assert early.value.code == "approval_missing"
    with timed(took, Step.APPROVE):
        changes.approve(number)
    with timed(took, Step.MERGE):
        do("att.git.pr.merge", **ATT, number=number)
    cycle = do("att.bootstrap.release", number=number)
    took |= {Step(name): seconds for name, seconds in steps_of(cycle).items() if seconds}
    rows += rows_of(f"{door.__name__}, by hand", took, watch.seconds, CYCLE_SECONDS_MAX)
    kept(changes, cycle, before)
    assert changes.hint() == text


def test_an_agent_has_it_done_in_one_job_that_waits_for_a_person(
    machine: Container, changes: Changes, token: str, rows: list[Row]
) -> None:
    before, watch, text = changes.serves(), Stopwatch(), next(_texts)
    mcp = Mcp(machine.url(), token)
    job = mcp.begin("att.bootstrap.run", title=text, edits=[edit(mcp.do, text)])
    changes.approve(changes.waiting(job)["number"])
    cycle = mcp.ended(job)
    rows += rows_of("MCP, one job", steps_of(cycle), watch.seconds, CYCLE_SECONDS_MAX)
    kept(changes, cycle, before)
    assert changes.hint() == text


def test_an_agent_does_it_alone_where_an_operator_allowed_that(
    machine: Container, changes: Changes, token: str, rows: list[Row]
) -> None:
    changes.settings(approval="auto")
    before, watch, text = changes.serves(), Stopwatch(), next(_texts)
    do = Mcp(machine.url(), token).do
    cycle = do("att.bootstrap.run", title=text, edits=[edit(do, text)])
    rows += rows_of("MCP, one job, approval: auto", steps_of(cycle), watch.seconds, CYCLE_SECONDS_MAX)
    kept(changes, cycle, before, approved=False)
    assert changes.hint() == text
    assert machine.attctl("status").returncode == 0


def test_the_build_host_makes_the_same_files_of_the_fifth_commit(
    machine: Container, changes: Changes, signing_key: Ed25519PrivateKey, rows: list[Row], tmp_path: Path
) -> None:
    (forge,) = (machine.root / FORGE).glob("*.git")
    # Git reads no repository of somebody else.
    own = Path(shutil.copytree(forge, tmp_path / "att.git", copy_function=shutil.copyfile))
    built = build_clone(own, tmp_path / "att", key_file(), cache_folder(), ATT_LEAN="0")
    assert changes.status()["base"].startswith(built.bundle.stem.rpartition("+g")[2])
    with built.bundle.open("rb") as file:
        trust = TrustRoot(keys={keyid_of(signing_key.public_key()): signing_key.public_key()})
        there = open_bundle(file.fileno(), trust, facts()).metadata
    here = read_metadata(machine.root / "opt/att/releases" / changes.serves())
    assert here.version == there.version
    assert {path: entry for path, entry in here.files.items() if path != "provenance.json"} == there.files
    rows.append(Row("the fifth commit on the build host", f"{len(there.files):,} files, each with the same digest"))


def kept(changes: Changes, cycle: Cycle, before: str, *, approved: bool = True) -> None:
    """The release of a change serves, was made of its merge, and all of that was written down."""
    assert cycle["outcome"] == "released", cycle
    assert cycle["deployed_release_id"] == changes.serves() != before
    assert (cycle["requested_release_id"], cycle["previous_release_id"]) == (cycle["deployed_release_id"], before)
    assert changes.status()["base"] == cycle["merge_commit"], "the commit that runs is the merge"
    story = [action for action in changes.audited(cycle["number"]) if action in STORY]
    assert story == (STORY if approved else [STORY[0], STORY[2]])


def edit(do: Do, text: str) -> dict[str, str]:
    """The file that says what a client sees, as `main` has it, saying something else."""
    do("att.git.fetch", **ATT)
    do("att.git.branch", **ATT, name=text.partition(":")[0].replace(" ", "-"), start="origin/main")
    return {"path": HINTS, "content": changed(do("att.code.read", **ATT, path=HINTS)["content"], text)}


def changed(source: str, text: str) -> str:
    """The same source with another hint."""
    found, times = re.subn(r'hint="[^"]*openapi\.json"', f'hint="{text}"', source)
    assert times == 1
    return found


@contextmanager
def timed(took: dict[Step, float], step: Step) -> Iterator[None]:
    """Note how long a step takes."""
    watch = Stopwatch()
    yield
    took[step] = watch.seconds


def proposed(do: Do, text: str, branch: str, took: dict[Step, float]) -> int:
    """Take the steps up to the approval through one door; returns the number of the pull request."""
    with timed(took, Step.REGISTER):
        assert do("att.project.status", **ATT)["id"]
    with timed(took, Step.BRANCH):
        do("att.git.fetch", **ATT)
        do("att.git.branch", **ATT, name=branch, start="origin/main")
    with timed(took, Step.EDIT):
        source = do("att.code.read", **ATT, path=HINTS)
        do("att.code.write", **ATT, path=HINTS, content=changed(source["content"], text), expected=source["sha256"])
    with timed(took, Step.TEST):
        run = do("att.test.run", **ATT, targets=["tests/unit/surfaces"], timeout_seconds=600)
        assert run["outcome"] == "passed", run
    with timed(took, Step.PULL_REQUEST):
        do("att.git.commit", **ATT, message=text, all=True)
        do("att.git.push", **ATT)
        number = int(do("att.git.pr.create", **ATT, title=text)["number"])
    with timed(took, Step.CHECKS):
        wait_for_checks(do, {**ATT, "number": number})
        do("att.bootstrap.propose", number=number)
    return number
