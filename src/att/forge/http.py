"""git over HTTP on the forge's repositories: what `git clone https://…/git/PROJECT.git` speaks with."""

from collections.abc import AsyncIterator, Awaitable, Callable

from att.forge.checks import PlaceOf
from att.forge.repositories import BareRepositories
from att.forge.transport import Service, advertise, exchange


class HttpForge:
    """Serves git's requests; who may make them is asked before."""

    def __init__(self, repositories: BareRepositories, place_of: PlaceOf) -> None:
        self._repositories = repositories
        self._place_of = place_of

    async def advertise(self, project: str, service: Service, protocol: str | None) -> bytes:
        """Return the refs of a project. Raises NotFound(project_unknown, remote_missing)."""
        place = await self._place_of(project)
        return await advertise((await self._repositories.there(place.project_id)).folder, service, protocol)

    async def exchange(
        self,
        project: str,
        service: Service,
        body: AsyncIterator[bytes],
        answer: Callable[[bytes], Awaitable[None]],
        protocol: str | None,
    ) -> None:
        """Serve one fetch or push; protected branches are refused in git's own words. See `transport.exchange`."""
        place = await self._place_of(project)
        bare = await self._repositories.there(place.project_id)
        judge = await self._repositories.judge(place.project_id) if service is Service.PUSH else None
        try:
            await exchange(bare.folder, service, body, answer, protocol=protocol, judge=judge)
        finally:
            if service is Service.PUSH:
                await self._repositories.pushed(place.project_id)
