"""ATT's own repository as a project of the appliance: registered from the image's seed, found, never lost."""

from pathlib import Path

import anyio
import structlog

from att.forge.ports import PullRequests
from att.forge.schema import Policy, PullRequest
from att.forge.service import Forge
from att.kernel.errors import AttError, NotFound
from att.kernel.operation import Caller, Role
from att.projects.decision import SELF_SLUG, ProjectStatus
from att.projects.making import Makers, Wish
from att.projects.ports import Places
from att.workspace.place import Place

MAIN = "main"
RULES = Policy(protected=(MAIN,), approvals=1, author_may_approve=False)
SELF = Caller(id="att", name="ATT", role=Role.ADMIN, kind="service")
PAUSE_SECONDS = 2.0
PAUSE_SECONDS_MAX = 60.0

_log = structlog.get_logger(__name__)


class SelfProject:
    """Project `att`. `bundle` is the seed; `run()` must run in the entrypoint's task group."""

    def __init__(self, places: Places, makers: Makers, forge: Forge, bundle: Path) -> None:
        self._places = places
        self._makers = makers
        self._forge = forge
        self._bundle = bundle

    async def place(self) -> Place:
        """Return where it lies; NotFound(seed_missing) where there is none and none can be made."""
        try:
            return await self._places.place(SELF_SLUG)
        except NotFound as error:
            why = "it is being registered" if self._bundle.is_file() else f"there is no {self._bundle}"
            raise NotFound("seed_missing", f"cannot find ATT's own repository: {why}") from error

    async def register(self) -> Place:
        """Return where it lies, after making it of the seed where there is none; may run again at any time.

        Raises NotFound(seed_missing), Conflict(projects_full), and what the forge raises, with nothing left of it.
        """
        try:
            return await self._places.place(SELF_SLUG)
        except NotFound:
            if not await anyio.Path(self._bundle).is_file():
                return await self.place()

        async def fill(place: Place) -> None:
            await self._forge.take_bundle(place, self._bundle, RULES)

        await self._makers.make(Wish(SELF_SLUG, ProjectStatus.CLONED, SELF, itself=True), fill)
        return await self._places.place(SELF_SLUG)

    async def run(self) -> None:
        """Register it, now or as soon as that is possible; an appliance without a seed goes without."""
        pause = PAUSE_SECONDS
        while True:
            try:
                await self.register()
            except (AttError, OSError) as error:
                _log.info("project att is not registered", reason=str(error))
                if isinstance(error, NotFound) and error.code == "seed_missing":
                    return
            else:
                return
            await anyio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)


async def pull_of(pulls: PullRequests, place: Place, number: int) -> PullRequest | None:
    """Return the pull request with a number; None where there is none."""
    found = await pulls.page(place, state=None, limit=1, before=number + 1)
    return found[0] if found and found[0].number == number else None
