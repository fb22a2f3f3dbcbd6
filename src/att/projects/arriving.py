"""The three ways a project comes: from a template, from an archive, from a repository. And the one it goes out."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from att.kernel.errors import InvalidInput
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Progress
from att.projects.decision import ProjectStatus, file_path, is_below, name_in, name_problem
from att.projects.making import FILES_MAX, Makers, Wish
from att.projects.outside import Outside
from att.projects.ports import Outgoing
from att.projects.records import Stored
from att.projects.registry import Templates
from att.projects.schema import Exported, ProjectClone, ProjectCreate, ProjectImport
from att.projects.transfer import blocks, give_out, pieces, take_in
from att.projects.variables import Variables
from att.workspace.place import Place


@dataclass(frozen=True)
class Arriving:
    """Brings files and history into projects that are being made, and out of those that are there."""

    makers: Makers
    outside: Outside
    templates: Templates
    variables: Variables

    async def create(self, caller: Caller, request: ProjectCreate) -> Stored:
        """Make a project from a template. Raises InvalidInput(template_unknown) and what `Makers.make` raises."""
        template = self.templates.get(request.template)

        async def fill(place: Place) -> None:
            await self._fill(place, pieces(template.archive))
            await self.outside.repositories().create(place)

        wish = Wish(
            request.name, ProjectStatus.CREATED, caller, template=template.id, template_version=template.version
        )
        return await self.makers.make(wish, fill)

    async def take_in(self, caller: Caller, progress: Progress, request: ProjectImport) -> Stored:
        """Make a project from an archive; the archive is unpacked in the project's sandbox."""
        archive = Path(request.upload)

        async def fill(place: Place) -> None:
            await progress.step("unpack")
            found = await self._fill(place, blocks(archive))
            await progress.log(f"{found['files']} files, {found['bytes']} bytes")
            await progress.step("repository")
            await self.outside.repositories().create(place)

        wish = Wish(request.name, ProjectStatus.CREATED, caller, job_id=progress.job_id)
        return await self.makers.make(wish, fill, await _project_id(progress))

    async def clone(self, caller: Caller, progress: Progress, request: ProjectClone) -> Stored:
        """Make a project from a repository. Raises InvalidInput(url_refused, name_unusable) and the forge's errors."""
        path = file_path(request.source)
        if path is not None and self.outside.appliance and not is_below(path, [str(self.outside.where.paths.seed)]):
            allowed = self.outside.where.paths.seed
            raise InvalidInput(
                "url_refused", f"cannot clone {path}: of the appliance's own files only those below {allowed}"
            )
        login = await self.variables.login(request.credential, request.source) if request.credential else None

        async def fill(place: Place) -> None:
            await progress.step("fetch")
            await self.outside.repositories().fetch_from(place, request.source, login)

        wish = Wish(
            _name(request),
            ProjectStatus.CLONED,
            caller,
            remote_url=request.source,
            credential=request.credential,
            job_id=progress.job_id,
        )
        return await self.makers.make(wish, fill, await _project_id(progress))

    async def export(
        self, caller: Caller, progress: Progress, outgoing: Outgoing, place: Place, *, history: bool
    ) -> Exported:
        """Pack a project's files into an archive for `caller` to fetch."""
        await progress.step("pack")
        begun = await outgoing.create(caller)

        async def chunks() -> AsyncIterator[bytes]:
            async with aclosing(give_out(self.outside.agents, place, history=history)) as packed:
                async for chunk in packed:
                    yield chunk

        kept = await outgoing.append(begun.upload, caller, 0, chunks(), complete=True)
        return Exported(
            upload=kept.upload,
            content=f"/api/v1/uploads/{kept.upload}/content",
            file_name=f"{place.slug}.tar.gz",
            bytes=kept.bytes,
            sha256=kept.sha256 or "",
        )

    async def _fill(self, place: Place, chunks: Iterator[bytes]) -> dict[str, int]:
        return await take_in(
            self.outside.agents, place, chunks, bytes_max=self.makers.quota_bytes(), files_max=FILES_MAX
        )


async def _project_id(progress: Progress) -> str:
    """Return the id that this job makes, the same after a restart: remembered before anything is made of it."""
    known = (await progress.state()).get("project_id")
    if known is None:
        known = new_id("prj")
        await progress.remember(project_id=known)
    return str(known)


def _name(request: ProjectClone) -> str:
    """Return the wished name, else the repository's, in words that help when that is no name."""
    name = request.name if request.name is not None else name_in(request.source)
    if request.name is None and name_problem(name):
        raise InvalidInput("name_unusable", f"cannot call the project {name[:64]!r}: give a name", field="name")
    return name
