"""Has the project's agent do what is asked, and announces what changed."""

from collections.abc import AsyncIterator

import anyio

from att.code.ports import Bus
from att.code.schema import (
    Change,
    ChangeKind,
    Diff,
    DiffRequest,
    FileContent,
    FileDelete,
    FileDeleted,
    FileMove,
    FileMoved,
    FileRead,
    FileWrite,
    FileWritten,
    Matches,
    SearchRequest,
    Tree,
    TreeRequest,
    WatchRequest,
)
from att.events.schema import EventType
from att.projects.ports import Places, Rooms
from att.workspace.ports import Agents

LOOK_SECONDS = 0.5


class Code:
    """The files of all projects."""

    def __init__(self, places: Places, room: Rooms, agents: Agents, bus: Bus) -> None:
        self._places = places
        self._room = room
        self._agents = agents
        self._bus = bus

    async def read(self, request: FileRead) -> FileContent:
        """Return a file's content; raises NotFound(file_unknown), Forbidden(path_outside)."""
        agent = self._agents.of(await self._places.place(request.project_id))
        found = await agent.call("files.read", path=request.path, offset=request.offset, length=request.length)
        return FileContent.model_validate(found)

    async def write(self, request: FileWrite) -> FileWritten:
        """Write a whole file; raises Conflict(file_changed), Forbidden(path_outside), TooLarge(quota_reached)."""
        place = await self._places.place(request.project_id)
        await self._room.require_room(place)
        values = request.model_dump(mode="json", exclude={"project_id"})
        done = FileWritten.model_validate(await self._agents.of(place).call("files.write", **values))
        self._announce(place.project_id, done.path, "created" if done.created else "written")
        return done

    async def move(self, request: FileMove) -> FileMoved:
        """Rename a file or folder; raises Conflict(file_exists), NotFound(file_unknown), Forbidden(path_outside)."""
        place = await self._places.place(request.project_id)
        values = request.model_dump(mode="json", exclude={"project_id"})
        done = FileMoved.model_validate(await self._agents.of(place).call("files.move", **values))
        self._announce(place.project_id, done.path, "moved", target=done.target)
        return done

    async def delete(self, request: FileDelete) -> FileDeleted:
        """Remove a file or folder; raises Conflict(folder_not_empty), NotFound(file_unknown)."""
        place = await self._places.place(request.project_id)
        agent = self._agents.of(place)
        done = FileDeleted.model_validate(
            await agent.call("files.delete", path=request.path, recursive=request.recursive)
        )
        self._announce(place.project_id, done.path, "deleted")
        return done

    async def tree(self, request: TreeRequest) -> Tree:
        """Return the files, folders and links below a folder."""
        agent = self._agents.of(await self._places.place(request.project_id))
        values = request.model_dump(mode="json", exclude={"project_id"})
        return Tree.model_validate(await agent.call("tree.entries", **values))

    async def search(self, request: SearchRequest) -> Matches:
        """Return the lines that match; raises InvalidInput(search_pattern, search_too_slow)."""
        agent = self._agents.of(await self._places.place(request.project_id))
        values = request.model_dump(mode="json", exclude={"project_id"})
        return Matches.model_validate(await agent.call("search.lines", **values))

    async def diff(self, request: DiffRequest) -> Diff:
        """Return a unified diff; raises NotFound for a revision that is none."""
        agent = self._agents.of(await self._places.place(request.project_id))
        values = request.model_dump(mode="json", exclude={"project_id"}, exclude_none=True)
        return Diff.model_validate(await agent.call("diff.compare", **values))

    async def watch(self, request: WatchRequest) -> AsyncIterator[Change]:
        """Yield what changes, from now or from a cursor on; with `follow` without end.

        Without a cursor the first item says where the watch begins, so that nothing is missed after it.
        """
        agent = self._agents.of(await self._places.place(request.project_id))
        cursor = request.cursor or ""
        if not cursor:
            cursor = (await agent.call("tree.changes"))["cursor"]
            yield Change(cursor=cursor, path="", kind=ChangeKind.START)
        while True:
            found = await agent.call("tree.changes", cursor=cursor, limit=request.limit)
            for change in found["changes"]:
                yield Change.model_validate(change)
            cursor = found["cursor"]
            if not request.follow:
                return
            if not found["changes"]:
                await anyio.sleep(LOOK_SECONDS)

    def _announce(self, project_id: str, path: str, change: str, **more: str) -> None:
        self._bus.publish(EventType.CODE_CHANGED, {"path": path, "change": change, **more}, project_id=project_id)
