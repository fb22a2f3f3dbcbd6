"""Runs in the appliance as the API's user: does with tasks what a JSON line on stdin says, prints what came of it.

{"do": "run", "slot": 1, "spec": {…}} → {"state": …, "log": "…"}; "start", "stop", "log" and "talk" likewise.
"""

import asyncio
import json
import sys

from att.appliance import facts
from att.kernel.errors import AttError
from att.workspace.backends.units import UnitSandboxes
from att.workspace.place import Place
from att.workspace.schema import Channel, TaskSpec
from att.workspace.units import Slot

WAIT_SECONDS = 60


async def talked(tasks: UnitSandboxes, place: Place, asked: dict[str, str]) -> str:
    connection = await tasks.connect(place, asked["task_id"], Channel(asked["channel"]))
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(asked["text"].encode())
    writer.write_eof()
    answer = await reader.read(65_536)
    writer.close()
    return answer.decode()


async def main(asked: dict[str, object]) -> dict[str, object]:
    where, slot = facts(), Slot(int(str(asked["slot"])))
    place = Place("prj_test", "test", where.paths.projects / slot.folder, slot.user)
    tasks = UnitSandboxes(where)
    async with asyncio.timeout(WAIT_SECONDS):
        if asked["do"] in ("run", "start"):
            spec = TaskSpec.model_validate(asked["spec"])
            state = await tasks.start(place, spec)
            if asked["do"] == "run":
                state = await tasks.wait(place, spec.task_id)
        elif asked["do"] == "stop":
            state = await tasks.stop(place, str(asked["task_id"]))
        elif asked["do"] == "forget":
            await tasks.forget(place, str(asked["task_id"]))
            return {"left": [one.task_id for one in await tasks.tasks(place)]}
        elif asked["do"] == "remove":
            await tasks.remove(place)
            return {"left": [one.task_id for one in await tasks.tasks(place)]}
        elif asked["do"] == "talk":
            return {"answer": await talked(tasks, place, asked)}  # type: ignore[arg-type]  # its values are text
        else:
            state = await tasks.state(place, str(asked["task_id"]))
        log = b"".join([block async for block in tasks.read_log(place, state.task_id)])
    return {"state": state.model_dump(mode="json"), "log": log.decode(errors="replace")}


try:
    answer = asyncio.run(main(json.loads(sys.stdin.read())))
except AttError as error:
    answer = {"error": error.code, "detail": error.detail}
sys.stdout.write(json.dumps(answer))
