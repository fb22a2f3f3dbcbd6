"""What a sandbox reaches: with an entry of the policy the named host, through a port of its own; else nothing."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.egress import WayOut as Proxy
from tests.fakes.egress import echo, way_out

from att.entrypoints.dev import development_facts
from att.workspace.backends import contained
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import Program, TaskKind, TaskSpec
from att.workspace.way_out import WayOut

pytestmark = pytest.mark.anyio
ASK = """
import os, socket, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
with socket.create_connection((proxy.hostname, proxy.port), 20) as s, s.makefile("rb") as answer:
    s.sendall(b"CONNECT %s HTTP/1.1\\r\\n\\r\\n" % sys.argv[1].encode())
    print(answer.readline().decode().split()[1])
    while (line := answer.readline()) not in (b"\\r\\n", b""):
        print(line.decode().strip())
    s.sendall(b"ping")
    s.shutdown(socket.SHUT_WR)
    print(answer.read().decode())
"""


@dataclass
class World:
    sandboxes: SubprocessSandboxes
    place: Place
    proxy: Proxy

    async def run(self, *command: str, kind: TaskKind = TaskKind.TEST, **more: Any) -> str:
        task_id = f"task_{len(list(self.place.tasks.iterdir()))}"
        spec = TaskSpec(task_id=task_id, kind=kind, command=command, **more)
        await self.sandboxes.start(self.place, spec)
        with anyio.fail_after(60):
            await self.sandboxes.wait(self.place, task_id)
        return b"".join([block async for block in self.sandboxes.read_log(self.place, task_id)]).decode()

    async def ask(self, target: str) -> str:
        return await self.run("-c", ASK, target, program=Program.ATT)


@pytest.fixture(params=[True, False], ids=["contained", "plain"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param and contained.program() is None:
        pytest.skip("bubblewrap does not work here")
    where = development_facts(tmp_path / ("long" * 30))
    path = where.unit("att-egress").socket_paths[0]
    async with way_out(tmp_path, path) as proxy:
        sandboxes = SubprocessSandboxes(where, WayOut(proxy.grants, lambda: proxy.entries), contain=request.param)
        place = Place("prj_1", "demo", where.paths.projects / "prj_1")
        await sandboxes.prepare(place)
        yield World(sandboxes, place, proxy)
        await sandboxes.remove(place)


async def test_a_host_that_the_policy_names_is_reached_through_the_sandboxs_own_port(world: World) -> None:
    async with echo() as port:
        world.proxy.entries.append(f"demo=echo.test:{port}")
        world.proxy.names["echo.test"] = [(socket.AF_INET, "127.0.0.1", port)]
        assert (await world.ask(f"echo.test:{port}")).split() == ["200", "ping"]


async def test_any_other_host_is_refused_with_what_helps(world: World) -> None:
    world.proxy.entries.append("demo=other.test")
    said = await world.ask("echo.test:443")
    assert "X-ATT-Code: egress_denied" in said
    assert "`- demo=echo.test`" in said


async def test_without_an_entry_there_is_no_port(world: World) -> None:
    world.proxy.entries.append("another=echo.test")
    assert "PROXY" not in (await world.run("env")).upper()


async def test_an_agent_has_no_port_and_the_grant_is_in_no_environment_and_no_argument(world: World) -> None:
    world.proxy.entries.append("demo=echo.test")
    spec = TaskSpec(task_id="task_agent", kind=TaskKind.AGENT, command=("true",))
    way = WayOut(world.proxy.grants, lambda: world.proxy.entries)
    assert way.granted(world.place, spec).grant is None
    granted = way.granted(world.place, spec.model_copy(update={"kind": TaskKind.TEST})).grant
    assert granted is not None
    beginning = granted[:20]
    seen = await world.run("sh", "-c", "env; cat /proc/*/cmdline | tr '\\0' ' '")
    assert "HTTPS_PROXY=http://127.0.0.1:" in seen
    assert beginning not in seen
    assert beginning not in repr(spec.model_copy(update={"grant": granted}))


async def test_a_task_reads_what_it_was_given_and_it_is_in_no_environment(world: World) -> None:
    assert await world.run("sh", "-c", "cat", stdin="hunter2\n") == "hunter2\n"
    assert "hunter2" not in await world.run("sh", "-c", "env; cat /proc/*/cmdline", stdin="hunter2")
