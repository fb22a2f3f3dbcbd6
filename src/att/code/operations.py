"""What of the files of a project is public."""

from collections.abc import AsyncIterator

from att.code import schema
from att.code.service import Code
from att.kernel.operation import Context, Effect, Kind, Operation, Retry, Role, Route

_FILE = "/projects/{project_id}/files/{path:path}"


async def _read(context: Context, request: schema.FileRead) -> schema.FileContent:
    return await context.get(Code).read(request)


async def _write(context: Context, request: schema.FileWrite) -> schema.FileWritten:
    return await context.get(Code).write(request)


async def _move(context: Context, request: schema.FileMove) -> schema.FileMoved:
    return await context.get(Code).move(request)


async def _delete(context: Context, request: schema.FileDelete) -> schema.FileDeleted:
    return await context.get(Code).delete(request)


async def _tree(context: Context, request: schema.TreeRequest) -> schema.Tree:
    return await context.get(Code).tree(request)


async def _search(context: Context, request: schema.SearchRequest) -> schema.Matches:
    return await context.get(Code).search(request)


async def _diff(context: Context, request: schema.DiffRequest) -> schema.Diff:
    return await context.get(Code).diff(request)


async def _watch(context: Context, request: schema.WatchRequest) -> AsyncIterator[schema.Change]:
    async for change in context.get(Code).watch(request):
        yield change


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.code.read",
        summary="Read a file of a project: text, or base64 when it is none",
        request=schema.FileRead,
        result=schema.FileContent,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", _FILE),
        handler=_read,
        example="demo src/demo/functions.py",
    ),
    Operation(
        name="att.code.write",
        summary="Write a whole file of a project; folders above it are made",
        request=schema.FileWrite,
        result=schema.FileWritten,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("PUT", _FILE),
        handler=_write,
        example="demo docs/notes.md notes.md",
    ),
    Operation(
        name="att.code.move",
        summary="Move or rename a file or folder of a project",
        request=schema.FileMove,
        result=schema.FileMoved,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/code/move"),
        handler=_move,
        retry=Retry.PROBE,
        example="demo notes.md docs/notes.md",
    ),
    Operation(
        name="att.code.delete",
        summary="Delete a file or folder of a project",
        request=schema.FileDelete,
        result=schema.FileDeleted,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("DELETE", _FILE),
        handler=_delete,
        example="demo docs --recursive",
    ),
    Operation(
        name="att.code.tree",
        summary="List the files of a project, without what .gitignore excludes",
        request=schema.TreeRequest,
        result=schema.Tree,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/files"),
        handler=_tree,
        example="demo --path src",
    ),
    Operation(
        name="att.code.search",
        summary="Search the lines of a project's files",
        request=schema.SearchRequest,
        result=schema.Matches,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/code/search"),
        handler=_search,
        example="demo 'def \\w+_tool' --regex --names '*.py'",
    ),
    Operation(
        name="att.code.diff",
        summary="Compare a project's files with its last commit, or two revisions",
        request=schema.DiffRequest,
        result=schema.Diff,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/code/diff"),
        handler=_diff,
        example="demo --base main",
    ),
    Operation(
        name="att.code.watch",
        summary="Read which files of a project changed, by cursor, or follow them",
        request=schema.WatchRequest,
        result=schema.Change,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/code/watch"),
        handler=_watch,
        kind=Kind.STREAM,
        example="demo --follow",
    ),
)
