"""Names that a project gives to repositories on other hosts, and what goes there and comes from there."""

from collections.abc import Callable

from sqlalchemy import delete, insert, select

from att.forge.bare import HEADS
from att.forge.mirror import SCHEMES, Mirror, check_url
from att.forge.repositories import BareRepositories
from att.forge.schema import Remote
from att.forge.tables import remotes
from att.forge.transfers import Transfers
from att.kernel.errors import InvalidInput, NotFound
from att.projects.ports import Login, Logins
from att.store.service import Store
from att.workspace.git.changing import REMOTE
from att.workspace.place import Place

REMOTES_MAX = 20


class Remotes:
    """The remotes of all projects; credentials stay with `logins`."""

    def __init__(
        self,
        store: Store,
        repositories: BareRepositories,
        logins: Callable[[], Logins],
        transfers: Transfers,
        *,
        files: bool,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._logins = logins
        self._transfers = transfers
        self._files = files
        self._clock = clock

    async def set(self, place: Place, name: str, url: str, credential: str | None) -> Remote:
        """Give a name to an address. Raises InvalidInput(url_refused), NotFound(credential_unknown)."""
        check_url(url, (*SCHEMES, "file") if self._files else SCHEMES)
        if name == REMOTE:
            raise InvalidInput("invalid_input", f"cannot set {REMOTE}: it is always the forge", field="name")
        await self._login(url, credential)
        async with self._store.write() as connection:
            mine = remotes.c.project_id == place.project_id
            known = [row.name for row in await connection.execute(select(remotes.c.name).where(mine))]
            if name not in known and len(known) >= REMOTES_MAX:
                raise InvalidInput("invalid_input", f"cannot add {name}: there are {REMOTES_MAX} remotes", field="name")
            await connection.execute(delete(remotes).where(mine, remotes.c.name == name))
            values = {"name": name, "url": url, "credential": credential}
            await connection.execute(
                insert(remotes).values(project_id=place.project_id, created=self._clock(), **values)
            )
        return Remote(**values)

    async def all(self, place: Place) -> list[Remote]:
        """Return the remotes, by name."""
        async with self._store.read() as connection:
            query = select(remotes).where(remotes.c.project_id == place.project_id).order_by(remotes.c.name)
            return [
                Remote(name=row.name, url=row.url, credential=row.credential) for row in await connection.execute(query)
            ]

    async def remove(self, place: Place, name: str) -> Remote:
        """Forget a remote; raises NotFound(remote_missing)."""
        found = await self.one(place, name)
        async with self._store.write() as connection:
            await connection.execute(
                delete(remotes).where(remotes.c.project_id == place.project_id, remotes.c.name == name)
            )
        return found

    async def one(self, place: Place, name: str) -> Remote:
        """Return a remote; raises NotFound(remote_missing)."""
        for remote in await self.all(place):
            if remote.name == name:
                return remote
        raise NotFound("remote_missing", f"cannot find the remote {name[:64]}", field="remote")

    async def push(self, place: Place, name: str, branch: str, commit: str) -> None:
        """Push a branch of the forge at `commit` to a remote. Raises as `Mirror.push`, NotFound(branch_unknown)."""
        remote, bare = await self.one(place, name), await self._repositories.there(place.project_id)
        if await bare.commit_of(HEADS + branch) != commit:
            hint = "push it to the forge first: attctl git push PROJECT"
            raise NotFound("branch_unknown", f"cannot push {branch}: the forge has no such state of it", hint=hint)
        # The sandbox may lack what came to the forge from elsewhere: the worktree lends the transfer its objects.
        await self._repositories.fetch(place, refspecs=[f"+{HEADS}{branch}:refs/remotes/{REMOTE}/{branch}"])
        mirror = Mirror(bare, place, self._transfers, files=self._files)
        await mirror.push(remote.url, await self._login(remote.url, remote.credential), f"{commit}:{HEADS}{branch}")

    async def fetch(self, place: Place, name: str) -> list[str]:
        """Fetch a remote's branches into forge and worktree as `name/branch`. Raises as `Mirror.fetch`."""
        remote, bare = await self.one(place, name), await self._repositories.there(place.project_id)
        mirror = Mirror(bare, place, self._transfers, files=self._files)
        login = await self._login(remote.url, remote.credential)
        await mirror.fetch(remote.url, login, [f"+refs/heads/*:refs/remotes/{name}/*"], (f"refs/remotes/{name}/",))
        return await self._repositories.fetch(place, refspecs=[f"+refs/remotes/{name}/*:refs/remotes/{name}/*"])

    async def _login(self, url: str, credential: str | None) -> Login | None:
        return None if credential is None else await self._logins().login(credential, url)
