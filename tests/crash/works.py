"""Pieces of work that are killed: each prepares, asks for one effect, and counts at the far side what came of it.

The far sides: the reflogs of the forge and of the worktree, the records that the shim leaves of each task, what tests
and checks themselves write into the project's home, the processes of the machine.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.platform import PROJECTS, Platform, until
from tests.crash.project import Project
from tests.fakes.forging import plain_git

from att.workspace.place import Place
from att.workspace.shim.records import EXIT, LOG, over_of

TESTS = 40
MANY_TESTS = f"""\
import time
from pathlib import Path

import pytest

with (Path.home() / "ran").open("a") as file:
    file.write("ran\\n")


@pytest.mark.parametrize("number", range({TESTS}))
def test_that_takes_a_moment(number: int) -> None:
    print(f"said {{number}}\\n\\n")
    time.sleep(0.02)
"""
CHECKS = """\
checks:
  slow:
    run: echo began >> $HOME/checked; for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done
    program: plain
    required: false
"""
APP_SAYS = b"Started server process"


@dataclass(frozen=True)
class Work:
    """`do` asks for the effect and returns the answer; `prove` counts; `seconds` `do` takes on a quick machine.

    `project_of` returns the id of the project in which it is done, by the answer.
    """

    name: str
    seconds: float
    project_of: Callable[[Any], str]
    prepare: Callable[[str], Any]
    do: Callable[[str], Any]
    prove: Callable[[str, Any], None]


def commits(platform: Platform) -> Work:
    project = Project(platform, "committing")

    def prepare(key: str) -> None:
        project.ask("PUT", f"files/{key}.txt", f"{key}-file", content="text\n")

    def do(key: str) -> Any:
        return project.ask("POST", "git/commit", f"{key}-do", message=f"Commit {key}\n", all=True)

    def prove(key: str, made: Any) -> None:
        work = project.place.work
        found = plain_git(work, "log", "--format=%H %s").splitlines()
        assert [line for line in found if line.endswith(f"Commit {key}")] == [f"{made['commit']} Commit {key}"]
        moves = plain_git(work, "log", "-g", "--format=%gs", "HEAD").splitlines()
        assert len([move for move in moves if move.endswith(f"Commit {key}")]) == 1
        assert plain_git(work, "status", "--porcelain") == ""
        assert made["files"] == [f"{key}.txt"]

    return Work("commit", 0.1, lambda _: project.id, prepare, do, prove)


def pushes(platform: Platform) -> Work:
    project = Project(platform, "pushing")

    def prepare(key: str) -> None:
        project.branch(key, key)

    def do(key: str) -> Any:
        return project.job("git/push", f"{key}-do", branch=key)["result"]

    def prove(key: str, pushed: Any) -> None:
        tip = plain_git(project.place.work, "rev-parse", key).strip()
        assert (pushed["commit"], pushed["changed"]) == (tip, True)
        assert plain_git(project.bare, "--git-dir=.", "rev-parse", f"refs/heads/{key}").strip() == tip
        assert project.reflog(key) == ["push"]
        plain_git(project.bare, "--git-dir=.", "fsck", "--strict")

    return Work("push", 0.15, lambda _: project.id, prepare, do, prove)


def merges(platform: Platform) -> Work:
    """Of a pull request."""
    project = Project(platform, "merging")
    project.demand("checks: {}\n")
    asked: list[int] = []

    def prepare(key: str) -> None:
        project.branch(key, key)
        project.job("git/push", f"{key}-push", branch=key)
        asked.append(project.ask("POST", "git/pr", f"{key}-pr", title=f"Pull {key}", head=key)["number"])

    def do(key: str) -> Any:
        return project.ask("POST", f"git/pr/{asked[-1]}/merge", f"{key}-do")

    def prove(key: str, merged: Any) -> None:
        assert merged["state"] == "merged"
        assert project.reflog("main") == ["push", "push", *["merge"] * len(asked)]
        told = plain_git(project.bare, "--git-dir=.", "log", "--merges", "--format=%H %s", "main").splitlines()
        assert told[0] == f"{merged['merge_commit']} Merge pull request #{asked[-1]}: Pull {key}"
        assert len(told) == len(set(told)) == len(asked)

    return Work("merge", 0.1, lambda _: project.id, prepare, do, prove)


def checks(platform: Platform) -> Work:
    """Of a pull request that is opened."""
    project = Project(platform, "checking")
    project.demand(CHECKS)
    keys: list[str] = []

    def prepare(key: str) -> None:
        project.branch(key, key)
        project.job("git/push", f"{key}-push", branch=key)
        keys.append(key)

    def do(key: str) -> Any:
        pull = project.ask("POST", "git/pr", f"{key}-do", done="pr_exists", title=f"Pull {key}", head=key)

        def ended() -> Any:
            found = project.ask("GET", f"git/pr/{pull['number']}/checks", key)["checks"]
            return found[0] if found and found[0]["ended"] else None

        return until(ended, "the check ends")

    def prove(key: str, check: Any) -> None:
        assert (check["state"], check["code"]) == ("passed", 0)
        assert len(project.ask("GET", "git/pr?limit=200", key)["pull_requests"]) == len(keys)
        assert len(project.ask("GET", "git/actions?limit=200", key)["runs"]) == len(keys)
        assert project.lines("checked") == len(project.tasks("check")) == len(keys)
        shown = project.ask("GET", f"git/actions?run_id={check['id']}", key)
        assert shown["log"] == "".join(f"{number}\n" for number in range(1, 11))

    return Work("check", 1.4, lambda _: project.id, prepare, do, prove)


def clones(platform: Platform) -> Work:
    """Of a repository with a file tree of its own at a file: address."""
    source = platform.where.root / "source"
    (source / "deep" / "folder").mkdir(parents=True)
    plain_git(source, "init", "--quiet", "--initial-branch=main")
    for number in range(100):
        (source / "deep" / "folder" / f"{number}.txt").write_text(f"{number}\n" * 1000)
        if number % 10 == 0:
            plain_git(source, "add", "--all")
            plain_git(source, "commit", "--quiet", "-m", f"Commit {number}")
            plain_git(source, "branch", f"branch-{number}")
    plain_git(source, "clean", "-fdq")
    refs = plain_git(source, "for-each-ref", "refs/heads", "refs/tags")

    def do(key: str) -> Any:
        return platform.job(f"{PROJECTS}/clone", f"{key}-do", source=f"file://{source}", name=key)["result"]

    def prove(key: str, project: Any) -> None:
        assert platform.settled()[key]["id"] == project["id"]
        paths = platform.where.paths
        bare, work = paths.forge / f"{project['id']}.git", paths.projects / project["id"] / "work"
        assert plain_git(bare, "--git-dir=.", "for-each-ref", "refs/heads", "refs/tags") == refs
        assert len((bare / "logs" / "refs" / "heads" / "main").read_text().splitlines()) == 1
        assert plain_git(work, "status", "--porcelain", "--branch") == "## main...origin/main\n"
        assert platform.delete(project["id"]).is_success

    return Work("clone", 0.4, lambda made: str(made["id"]), lambda _: None, do, prove)


def runs_of_tests(platform: Platform) -> Work:
    project = Project(platform, "testing", "chatbot")
    shutil.rmtree(project.place.work / "tests")
    project.commit("tests", "tests/unit/test_many.py", MANY_TESTS)
    keys: list[str] = []

    def do(key: str) -> Any:
        keys.append(key)
        path = f"{PROJECTS}/{project.id}/test/run"
        job_id = platform.ask("POST", path, f"{key}-do", coverage=False)["job_id"]
        followed = platform.followed(f"/api/v1/jobs/{job_id}/log")
        return {**platform.job(path, f"{key}-do", coverage=False), "followed": followed}

    def prove(key: str, job: Any) -> None:
        run = job["result"]
        assert (run["outcome"], run["report"]["counts"]["passed"]) == ("passed", TESTS)
        runs = project.ask("GET", "test/history?limit=200", key)["runs"]
        assert len(runs) == len(keys) == project.lines("ran") == len(project.tasks("test"))
        assert [one["outcome"] for one in runs] == ["passed"] * len(keys)
        assert project.ask("GET", "test/results", key) == run
        log = (project.place.task(run["task_id"]) / LOG).read_text()
        assert [line["text"] for line in job["followed"]] == log.splitlines()

    return Work("test run", 1.7, lambda _: project.id, project.wake, do, prove)


def starts(platform: Platform) -> Work:
    """Of an app, by real NAT; it is stopped when it was counted."""
    project = Project(platform, "serving", "chatbot")
    before: list[Path] = []

    def prepare(key: str) -> None:
        project.wake(key)
        before[:] = project.tasks("app")

    def do(key: str) -> Any:
        return project.job("runtime/start", f"{key}-do")["result"]

    def prove(key: str, status: Any) -> None:
        assert (status["state"], status["healthy"], status["restarts"]) == ("running", True, 0)
        [task] = set(project.tasks("app")) - set(before)
        assert task.name == status["task_id"]
        assert (task / LOG).read_bytes().count(APP_SAYS) == 1
        assert serving(project.place) == 1
        assert project.ask("GET", "runtime/status", key)["healthy"]
        assert project.ask("POST", "runtime/stop", f"{key}-stop")["state"] == "stopped"
        assert over_of((task / EXIT).read_bytes()).ending == "stopped"
        assert serving(project.place) == 0

    return Work("start", 4.2, lambda _: project.id, prepare, do, prove)


def serving(place: Place) -> int:
    """Return how many processes of the machine serve the project's app, by what they were told to leave files in."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            told = (process / "environ").read_bytes()
        except OSError:
            continue
        count += b"att_nat.serve" in words and b"bwrap" not in words[0] and str(place.tasks).encode() in told
    return count


WORKS = (commits, pushes, merges, checks, clones, runs_of_tests, starts)
