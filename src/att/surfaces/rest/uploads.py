"""The upload routes: one POST for a whole file, or an empty POST and PATCHes that go on after any break."""

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, JSONResponse

from att.kernel.errors import InvalidInput, Unavailable
from att.kernel.operation import Caller, Role
from att.surfaces.draining import Draining
from att.surfaces.expose import require_role
from att.surfaces.ports import Authenticator, Gate
from att.surfaces.rest.openapi import problem_responses
from att.surfaces.rest.requests import caller_of
from att.surfaces.uploads import Upload, Uploads

OFFSET_HEADER = "Upload-Offset"
COMPLETE_HEADER = "Upload-Complete"
_PATH = "/api/v1/uploads"
_BINARY = "application/octet-stream"
_BODY = {
    "requestBody": {
        # An empty file is one, too.
        "required": False,
        "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_CONTENT = {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file"}
_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 413, 422, 503)


def upload_routes(uploads: Uploads, authenticator: Authenticator, gate: Gate, draining: Draining) -> APIRouter:
    """Return the routes; files are taken from developers and above, each sees its own."""
    router = APIRouter(tags=["uploads"])

    async def uploader(request: Request) -> Caller:
        caller = await caller_of(request, authenticator, Role.DEVELOPER)
        require_role(caller, Role.DEVELOPER, "upload a file")
        return caller

    async def receive(upload_id: str, caller: Caller, offset: int, request: Request) -> Upload:
        """Take the body in; a process that stops lets go at once, the next one goes on where it ended."""
        upload: Upload | None = None
        with draining.cancels():
            chunks = request.stream()
            upload = await uploads.append(upload_id, caller, offset, chunks, complete=_complete(request))
        if upload is None:
            arrived = await uploads.show(upload_id, caller)
            raise Unavailable(
                "upload_interrupted",
                "cannot take the rest of the upload: the service restarts",
                retry_after_seconds=1,
                data=arrived.model_dump(mode="json", exclude_none=True),
            )
        return upload

    @router.post(_PATH, status_code=201, response_model=Upload, responses=_PROBLEMS, openapi_extra=_BODY)
    async def create_upload(request: Request) -> Response:
        """Upload a file. With `Upload-Complete: ?0` more follows by PATCH; else the body is all of it."""
        caller = await uploader(request)
        await gate()
        created = await uploads.create(caller)
        upload = await receive(created.upload, caller, 0, request)
        return _answer(upload, 201, {"Location": f"{_PATH}/{upload.upload}"})

    @router.patch(_PATH + "/{upload_id}", response_model=Upload, responses=_PROBLEMS, openapi_extra=_BODY)
    async def continue_upload(upload_id: str, request: Request) -> Response:
        """Go on with an upload at `Upload-Offset`, which must be what has arrived."""
        caller = await uploader(request)
        offset = request.headers.get(OFFSET_HEADER, "")
        if not (offset.isascii() and offset.isdigit()) or len(offset) > 18:
            raise InvalidInput("invalid_input", "cannot read Upload-Offset: it must be a number", field=OFFSET_HEADER)
        await gate()
        return _answer(await receive(upload_id, caller, int(offset), request), 200, {})

    @router.get(_PATH + "/{upload_id}", response_model=Upload, responses=_PROBLEMS)
    async def show_upload(upload_id: str, request: Request) -> Response:
        """Say how far an upload is."""
        caller = await uploader(request)
        return _answer(await uploads.show(upload_id, caller), 200, {})

    @router.get(_PATH + "/{upload_id}/content", response_class=FileResponse, responses={**_PROBLEMS, 200: _CONTENT})
    async def read_upload(upload_id: str, request: Request) -> Response:
        """Read a whole file that was uploaded, or that a job left for its caller to fetch."""
        caller = await uploader(request)
        path = await to_thread.run_sync(uploads.path, upload_id, caller)
        return FileResponse(path, media_type=_BINARY, filename=upload_id)

    return router


def _complete(request: Request) -> bool:
    return request.headers.get(COMPLETE_HEADER, "?1") != "?0"


def _answer(upload: Upload, status: int, headers: dict[str, str]) -> Response:
    headers = {**headers, OFFSET_HEADER: str(upload.bytes), COMPLETE_HEADER: "?1" if upload.complete else "?0"}
    return JSONResponse(upload.model_dump(mode="json", exclude_none=True), status, headers)
