"""A worktree with a repository, and calls of verbs as the agent makes them."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from att.kernel.errors import AttError
from att.workspace import verbs

Call = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "work"


@pytest.fixture
def call(root: Path) -> Call:
    def ask(verb: str, **arguments: Any) -> Any:
        return verbs.find(verb)(root, arguments)

    return ask


@pytest.fixture
def refusal(call: Call) -> Call:
    def code(verb: str, **arguments: Any) -> str:
        try:
            call(verb, **arguments)
        except AttError as error:
            return error.code
        return "ok"

    return code


@pytest.fixture
def git(root: Path) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        names = ("AUTHOR", "COMMITTER")
        author = {f"GIT_{name}_{part}": f"a@{part.lower()}" for name in names for part in ("NAME", "EMAIL")}
        settings = {"PATH": os.environ["PATH"], "HOME": str(root.parent / "home"), "GIT_CONFIG_NOSYSTEM": "1", **author}
        done = subprocess.run(["git", *arguments], cwd=root, env=settings, capture_output=True, text=True, check=True)
        return done.stdout

    run("init", "-q", "-b", "main")
    return run
