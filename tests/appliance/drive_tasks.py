"""Runs in the appliance as the API's user: does with tasks what a JSON line on stdin says, prints what came of it.

{"do": "run", "slot": 1, "seconds": 60, "spec": {…}} → {"state": …, "log": "…"}; "start", "stop", "log" and "talk"
likewise.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from att.appliance import Facts, facts
from att.kernel.errors import AttError
from att.router.door import RouterDoor
from att.router.keys import RouterKeys
from att.workspace.backends.units import UnitSandboxes
from att.workspace.place import Place
from att.workspace.schema import Channel, TaskSpec
from att.workspace.units import Slot


async def talked(tasks: UnitSandboxes, place: Place, asked: Mapping[str, Any]) -> str:
    connection = await tasks.connect(place, asked["task_id"], Channel(asked["channel"]))
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(asked["text"].encode())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer.decode()


def router_key(where: Facts, place: Place) -> str:
    keys = RouterKeys.load(where.paths.api_state, where.paths.run)
    door = RouterDoor(where.unit("att-router").socket_paths[0], where.ports.router, keys)
    return door.key_for(place.project_id, place.uid)


async def main(asked: Mapping[str, Any]) -> dict[str, Any]:
    where, slot = facts(), Slot(asked["slot"])
    place = Place("prj_test", "test", where.paths.projects / slot.folder, slot.user)
    tasks = UnitSandboxes(where)
    if asked["do"] == "key":
        return {"key": router_key(where, place)}
    async with asyncio.timeout(asked["seconds"]):
        if asked["do"] in ("run", "start"):
            spec = TaskSpec.model_validate(asked["spec"])
            state = await tasks.start(place, spec)
            if asked["do"] == "run":
                state = await tasks.wait(place, spec.task_id)
        elif asked["do"] == "stop":
            state = await tasks.stop(place, asked["task_id"])
        elif asked["do"] == "forget":
            await tasks.forget(place, asked["task_id"])
            return {"left": [one.task_id for one in await tasks.tasks(place)]}
        elif asked["do"] == "remove":
            await tasks.remove(place)
            return {"left": [one.task_id for one in await tasks.tasks(place)]}
        elif asked["do"] == "talk":
            return {"answer": await talked(tasks, place, asked)}
        else:
            state = await tasks.state(place, asked["task_id"])
        log = b"".join([block async for block in tasks.read_log(place, state.task_id)])
    return {"state": state.model_dump(mode="json"), "log": log.decode(errors="replace")}


try:
    answer = asyncio.run(main(json.loads(sys.stdin.read())))
except AttError as error:
    answer = {"error": error.code, "detail": error.detail}
sys.stdout.write(json.dumps(answer))
