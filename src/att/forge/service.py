"""The embedded forge: one bare repository a project, its pull requests, its checks."""

import time
from collections.abc import Callable
from pathlib import Path

import anyio
import structlog

from att.forge import records
from att.forge.bare import HEADS
from att.forge.checks import Checks, PlaceOf
from att.forge.mirror import Mirror
from att.forge.ports import Bus, Environment
from att.forge.pulls import Pulls
from att.forge.remotes import Remotes
from att.forge.repositories import FIRST_BRANCH, BareRepositories
from att.forge.schema import Policy
from att.forge.transfers import Transfers
from att.kernel.errors import AttError
from att.projects.ports import Login, Logins
from att.store.service import Store
from att.workspace.place import Place
from att.workspace.ports import Agents, Sandboxes

_RETRY_SECONDS = 1.0
_TIDY_SECONDS = 3_600.0
_log = structlog.get_logger(__name__)
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class Forge:
    """Serves `projects.ports.Repositories` and `ports.Policies`; `pulls` and `checks` serve the other ports.

    `run()` must run in the entrypoint's task group. `files` allows repositories at file: addresses, in development.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        bus: Bus,
        agents: Agents,
        sandboxes: Sandboxes,
        place_of: PlaceOf,
        logins: Callable[[], Logins],
        environment: Callable[[], Environment],
        transfers: Transfers,
        *,
        files: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._files = files
        self._transfers = transfers
        self.repositories = BareRepositories(folder, agents, self.policy, self._refresh)
        self.remotes = Remotes(store, self.repositories, logins, transfers, files=files, clock=clock)
        self.checks = Checks(store, self.repositories, agents, sandboxes, place_of, environment, clock=clock)
        self.pulls = Pulls(
            store,
            bus,
            self.repositories,
            latest=self.checks.latest,
            check=self.checks.request,
            again=self.checks.again,
            unchecked=self.checks.end,
            clock=clock,
        )

    async def run(self) -> None:
        """Finish what the process before this one began, then run checks until `stop()`."""
        await self._recover()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tidy_often)
            await self.checks.run()
            tasks.cancel_scope.cancel()

    async def _tidy_often(self) -> None:
        while True:
            await anyio.sleep(_TIDY_SECONDS)
            await self.repositories.tidy_all()

    async def _recover(self) -> None:
        """Finish what was begun, as soon as the database is there."""
        while True:
            try:
                await self.pulls.recover()
            except (AttError, OSError) as error:
                _log.info("the forge waits", reason=str(error))
                await anyio.sleep(_RETRY_SECONDS)
            else:
                return

    def stop(self) -> None:
        """Let go of what runs; the next process goes on with it."""
        self.checks.stop()

    async def create(self, place: Place) -> None:
        """See `projects.ports.Repositories`."""
        branch = await self.repositories.create(place)
        if branch is not None:
            await self._protect(place.project_id, branch)

    async def fetch_from(self, place: Place, url: str, login: Login | None) -> None:
        """See `projects.ports.Repositories`."""
        bare = await self.repositories.free(place.project_id)
        await bare.make(FIRST_BRANCH)
        mirror = Mirror(bare, place, self._transfers, files=self._files)
        branch = await mirror.fetch(url, login, _EVERYTHING, ("refs/heads/", "refs/tags/"))
        if branch is not None:
            await bare.set_default_branch(branch)
            await self._protect(place.project_id, branch)
        await self.repositories.check_out(place, branch or FIRST_BRANCH)

    async def take_bundle(self, place: Place, bundle: Path, rules: Policy) -> None:
        """Make the project's bare repository of a git bundle's main and tags, the empty worktree a checkout of it.

        For a bundle of the image's own, which root wrote. Raises Failed(git_failed).
        """
        bare = await self.repositories.free(place.project_id)
        await bare.make(FIRST_BRANCH)
        await self.set_policy(place.project_id, rules)
        await bare.take_bundle(bundle, (f"+{HEADS}{FIRST_BRANCH}:{HEADS}{FIRST_BRANCH}", "+refs/tags/*:refs/tags/*"))
        await self.repositories.check_out(place, FIRST_BRANCH)

    async def remove(self, project_id: str) -> None:
        """See `projects.ports.Repositories`."""
        async with self._store.write() as connection:
            await records.forget(connection, project_id)
        await self.repositories.remove(project_id)

    async def _protect(self, project_id: str, branch: str) -> None:
        """Protect a default branch of another name than usual, unless rules were set."""
        rules = await self.policy(project_id)
        if rules == Policy() and branch not in rules.protected:
            await self.set_policy(project_id, Policy(protected=(branch,)))

    async def policy(self, project_id: str) -> Policy:
        """See `ports.Policies`."""
        async with self._store.read() as connection:
            return await records.policy(connection, project_id)

    async def set_policy(self, project_id: str, policy: Policy) -> Policy:
        """See `ports.Policies`."""
        async with self._store.write() as connection:
            await records.set_policy(connection, project_id, policy)
        return policy

    async def head_of(self, project_id: str, branch: str) -> str | None:
        """Return the commit of a branch in the forge, None where there is none."""
        return await (await self.repositories.there(project_id)).commit_of(HEADS + branch)

    async def _refresh(self, project_id: str) -> None:
        await self.pulls.refresh(project_id)
