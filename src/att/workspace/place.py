"""Where a project lies on the machine: the one definition of its folders."""

import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """One project's folders under `Facts.paths.projects`, all of the project's own user.

    `user` is the static user of its units (`att-p007`), None in `make dev`, where everything runs as the developer.
    """

    project_id: str
    slug: str
    folder: Path
    user: str | None = None

    @property
    def uid(self) -> int | None:
        """The number of `user`, None without one."""
        return None if self.user is None else pwd.getpwnam(self.user).pw_uid

    @property
    def work(self) -> Path:
        """The worktree: a git repository with the NAT config and the Python package."""
        return self.folder / "work"

    @property
    def home(self) -> Path:
        """HOME and caches of everything that runs for the project; not in the worktree."""
        return self.folder / "home"

    @property
    def tasks(self) -> Path:
        """One folder a task or app: its log, its exit, its sockets."""
        return self.folder / "tasks"

    def task(self, task_id: str) -> Path:
        """The folder of one task."""
        return self.tasks / task_id
