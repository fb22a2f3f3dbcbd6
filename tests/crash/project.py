"""A project of a platform that is killed: asked through the API, looked at on the disk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.platform import PROJECTS, Platform
from tests.fakes.reflog import moves

from att.workspace.place import Place
from att.workspace.shim.records import RUN, begun_of


@dataclass
class Project:
    """A project of one platform."""

    platform: Platform
    name: str
    template: str | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        values = {"name": self.name} | ({"template": self.template} if self.template else {})
        self.id = self.platform.ask("POST", PROJECTS, f"make-{self.name}", **values)["id"]

    @property
    def place(self) -> Place:
        return Place(self.id, self.name, self.platform.where.paths.projects / self.id)

    @property
    def bare(self) -> Path:
        return self.platform.where.paths.forge / f"{self.id}.git"

    def ask(self, method: str, path: str, key: str, **values: Any) -> Any:
        return self.platform.ask(method, f"{PROJECTS}/{self.id}/{path}", f"{self.name}-{key}", **values)

    def job(self, path: str, key: str, **values: Any) -> dict[str, Any]:
        return self.platform.job(f"{PROJECTS}/{self.id}/{path}", f"{self.name}-{key}", **values)

    def wake(self, key: str) -> None:
        """Ask the project's agent for something, so that there is one."""
        self.ask("GET", "git/status", f"{key}-wake")

    def commit(self, key: str, path: str, content: str = "text\n") -> str:
        """Write a file and commit it on what is checked out."""
        self.ask("PUT", f"files/{path}", f"{key}-write", content=content)
        made = self.ask("POST", "git/commit", f"{key}-commit", message=f"Work {key}\n", all=True)
        return str(made["commit"])

    def demand(self, checks: str) -> None:
        """Have pull requests pass these checks, and nothing else, before they are merged."""
        self.ask("PUT", "git/policy", "policy", protected=[], approvals=0)
        self.commit("checks", ".att/checks.yaml", checks)
        self.job("git/push", "checks-push")

    def branch(self, key: str, name: str) -> str:
        """Make a branch of main with one commit of its own."""
        self.ask("POST", "git/branch", f"{key}-branch", name=name, start="main")
        return self.commit(key, f"{name}.txt")

    def reflog(self, branch: str) -> list[str]:
        """Return the kind of each move of a branch in the forge, the oldest first."""
        return [reason.split(" ")[0] for reason in moves(self.bare, branch)]

    def tasks(self, kind: str) -> list[Path]:
        """Return the folders of the tasks of a kind that have begun."""
        records = self.place.tasks.glob(f"*/{RUN}")
        return [record.parent for record in records if begun_of(record.read_bytes()).kind == kind]

    def lines(self, name: str) -> int:
        """Return how many lines a file in the project's home has."""
        file = self.place.home / name
        return len(file.read_text().splitlines()) if file.exists() else 0
