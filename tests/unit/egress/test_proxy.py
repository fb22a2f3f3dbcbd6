"""The proxy on real sockets: who shows which grant reaches what, within which bounds, and what the journal is told."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture
from tests.fakes.egress import WayOut, any_address, echo, way_out

from att.egress.decision import Client
from att.egress.proxy import PREAMBLE, Limits
from att.egress.ways import RESOLVERS_EACH_MAX, RESOLVERS_MAX, Address, Ways

pytestmark = pytest.mark.anyio
OTHER = Client("prj_2", "other")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def told() -> Iterator[list[Any]]:
    kept, before = LogCapture(), structlog.get_config()
    structlog.configure(processors=[kept], cache_logger_on_first_use=False)
    yield kept.entries
    structlog.configure(**before)


async def until(entries: list[Any], count: int) -> list[Any]:
    async with asyncio.timeout(20):
        while len([one for one in entries if one["event"] == "egress"]) < count:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.005)
    return [one for one in entries if one["event"] == "egress"]


async def tunnel(way: WayOut, port: int, host: str = "echo.test") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    way.entries.append(f"demo={host}:{port}")
    way.names[host] = [(socket.AF_INET, "127.0.0.1", port)]
    reader, writer = await way.open()
    writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\nX-Secret: hunter2\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


async def test_bytes_go_both_ways_until_both_sides_have_ended(tmp_path: Path, told: list[Any]) -> None:
    async with echo() as port, way_out(tmp_path) as way:
        reader, writer = await tunnel(way, port)
        sent = os.urandom(1024 * 1024)

        async def send() -> None:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        assert await asyncio.wait_for(reader.read(-1), 20) == sent
        await sending
        writer.close()
        [line] = await until(told, 1)
    assert {key: line[key] for key in ("project", "host", "port", "verdict", "bytes_sent", "bytes_received")} == {
        "project": "demo",
        "host": "echo.test",
        "port": port,
        "verdict": "allowed",
        "bytes_sent": len(sent),
        "bytes_received": len(sent),
    }
    assert "hunter2" not in str(told)


async def test_what_a_client_sends_before_the_answer_arrives_too(tmp_path: Path) -> None:
    async with echo() as port, way_out(tmp_path) as way:
        way.entries.append(f"demo=echo.test:{port}")
        way.names["echo.test"] = [(socket.AF_INET, "127.0.0.1", port)]
        reader, writer = await way.open()
        writer.write(f"CONNECT echo.test:{port} HTTP/1.1\r\n\r\nearly".encode())
        await reader.readuntil(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(5), 20) == b"early"
        writer.close()


async def test_without_an_entry_nothing_is_even_looked_up_and_the_answer_says_what_helps(
    tmp_path: Path, told: list[Any]
) -> None:
    async with way_out(tmp_path) as way:
        way.entries.append("other=example.test")
        answer = (await way.ask("CONNECT example.test:443 HTTP/1.1")).decode()
        assert way.asked == []
        [line] = await until(told, 1)
    assert answer.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert "X-ATT-Code: egress_denied\r\n" in answer
    assert "demo=example.test" in answer
    assert (line["verdict"], line["project"], line["host"], line["port"]) == (
        "egress_denied",
        "demo",
        "example.test",
        443,
    )


@pytest.mark.parametrize("grant", ["", "nonsense", "att1.e30.e30", "\udcff", "x" * 20_000])
async def test_what_is_no_grant_opens_nothing(tmp_path: Path, grant: str) -> None:
    async with way_out(tmp_path) as way:
        way.entries.append("*=example.test")
        reader, writer = await asyncio.open_unix_connection(str(way.path))
        writer.write(PREAMBLE + grant.encode(errors="surrogateescape") + b"\nCONNECT example.test:443 HTTP/1.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert b"X-ATT-Code: egress_grant" in answer
        assert way.asked == []


async def test_a_connection_without_the_line_is_refused(tmp_path: Path) -> None:
    async with way_out(tmp_path) as way:
        reader, writer = await asyncio.open_unix_connection(str(way.path))
        writer.write(b"CONNECT example.test:443 HTTP/1.1\r\n\r\n")
        assert b"X-ATT-Code: egress_grant" in await asyncio.wait_for(reader.read(), 20)
        writer.close()


async def test_another_projects_grant_does_not_help_to_what_this_one_may(tmp_path: Path) -> None:
    async with way_out(tmp_path) as way:
        way.entries.append("demo=example.test")
        answer = await way.ask("CONNECT example.test:443 HTTP/1.1", way.grant(OTHER))
        assert b"X-ATT-Code: egress_denied" in answer


async def test_a_grant_that_another_user_sends_is_refused(tmp_path: Path) -> None:
    async with way_out(tmp_path) as way:
        way.entries.append("demo=example.test")
        answer = await way.ask("CONNECT example.test:443 HTTP/1.1", way.grant(uid=os.getuid() + 1))
        assert b"X-ATT-Code: egress_grant" in answer


async def test_a_grant_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async with way_out(tmp_path) as way:
        way.entries.append("demo=example.test")
        grant = way.grant(seconds=10)
        way.clock.now += 10 + 301
        assert b"X-ATT-Code: egress_grant" in await way.ask("CONNECT example.test:443 HTTP/1.1", grant)


async def test_a_name_that_leads_to_this_machine_is_refused_by_the_rule_for_addresses(tmp_path: Path) -> None:
    async with echo() as port, way_out(tmp_path, ways=Ways()) as way:
        way.entries.append(f"demo=127.0.0.1:{port}")
        assert b"X-ATT-Code: egress_address" in await way.ask(f"CONNECT 127.0.0.1:{port} HTTP/1.1")


async def test_one_private_address_among_public_ones_refuses_them_all(tmp_path: Path) -> None:
    def mixed(host: str, port: int) -> list[tuple[int, str, int]]:
        return [(socket.AF_INET, "192.0.2.1", port), (socket.AF_INET, "10.0.0.1", port)]

    def rule(address: str, own: str | None = None) -> str | None:
        return "private" if address.startswith("10.") else None

    async with way_out(tmp_path, ways=Ways(rule=rule, resolve=mixed)) as way:
        way.entries.append("demo=example.test")
        assert b"X-ATT-Code: egress_address" in await way.ask("CONNECT example.test:443 HTTP/1.1")


async def test_a_connection_that_turns_out_to_lead_to_this_machine_is_closed_unused(tmp_path: Path) -> None:
    def rule(address: str, own: str | None = None) -> str | None:
        return "this machine" if address == own else None

    async with echo() as port, way_out(tmp_path, ways=Ways(rule=rule)) as way:
        way.entries.append(f"demo=127.0.0.1:{port}")
        assert b"X-ATT-Code: egress_address" in await way.ask(f"CONNECT 127.0.0.1:{port} HTTP/1.1")


async def test_the_name_is_resolved_once_and_the_next_address_is_tried(tmp_path: Path) -> None:
    async with echo() as port, way_out(tmp_path) as way:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            way.entries.append(f"demo=echo.test:{port}")
            way.names["echo.test"] = [
                (socket.AF_INET, "127.0.0.1", closed.getsockname()[1]),
                (socket.AF_INET, "127.0.0.1", port),
            ]
            reader, writer = await way.open()
            writer.write(f"CONNECT echo.test:{port} HTTP/1.1\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.close()
            await writer.wait_closed()
        assert way.asked == ["echo.test"]


async def test_a_host_that_does_not_answer_and_a_name_that_is_none_are_told(tmp_path: Path) -> None:
    def unknown(host: str, port: int) -> list[tuple[int, str, int]]:
        if host == "none.test":
            raise socket.gaierror(-2, "Name or service not known")
        if host == "empty.test":
            return []
        return [(socket.AF_INET, "127.0.0.1", port)]

    async with way_out(tmp_path, ways=Ways(rule=any_address, resolve=unknown)) as way:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            way.entries.append(f"demo=*.test:{port}")
            way.entries.append(f"demo=a.none.test:{port}")
            for host, why in (("away.test", b"refused"), ("none.test", b"not known"), ("empty.test", b"no address")):
                way.entries.append(f"demo={host}:{port}")
                answer = await way.ask(f"CONNECT {host}:{port} HTTP/1.1")
                assert answer.startswith(b"HTTP/1.1 502 ")
                assert why in answer


async def test_plain_http_is_refused_without_a_word_of_its_path(tmp_path: Path, told: list[Any]) -> None:
    async with way_out(tmp_path) as way:
        answer = await way.ask("GET http://example.test/hunter2 HTTP/1.1")
        await until(told, 1)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: CONNECT\r\n" in answer
    assert "hunter2" not in str(told)


async def test_a_head_that_never_ends_is_refused_at_its_limit(tmp_path: Path) -> None:
    async with way_out(tmp_path) as way:
        reader, writer = await way.open()
        writer.write(b"CONNECT example.test:443 HTTP/1.1\r\nX: " + b"x" * 30_000)
        assert b"X-ATT-Code: egress_malformed" in await asyncio.wait_for(reader.read(), 20)
        writer.close()


async def test_who_says_nothing_is_cut_off(tmp_path: Path, told: list[Any]) -> None:
    async with way_out(tmp_path, limits=Limits(head_seconds=0.05)) as way:
        reader, writer = await asyncio.open_unix_connection(str(way.path))
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        [line] = await until(told, 1)
    assert line["verdict"] == "egress_timeout"


@pytest.mark.parametrize("limits", [Limits(idle_seconds=0.05), Limits(total_seconds=0.05)], ids=["idle", "total"])
async def test_a_tunnel_ends_when_its_time_is_over(tmp_path: Path, limits: Limits, told: list[Any]) -> None:
    async with echo() as port, way_out(tmp_path, limits=limits) as way:
        reader, writer = await tunnel(way, port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 20)
        writer.close()
        [line] = await until(told, 1)
    assert line["verdict"] == "egress_timeout"


async def test_a_tunnel_ends_when_the_policy_does(tmp_path: Path, told: list[Any]) -> None:
    async with echo() as port, way_out(tmp_path, limits=Limits(look_seconds=0.02)) as way:
        reader, writer = await tunnel(way, port)
        writer.write(b"x")
        await reader.readexactly(1)
        way.entries.clear()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 20)
        writer.close()
        [line] = await until(told, 1)
    assert (line["verdict"], line["bytes_sent"]) == ("egress_denied", 1)


async def test_one_projects_connections_are_counted_and_free_again_when_they_end(tmp_path: Path) -> None:
    async with echo() as port, way_out(tmp_path, limits=Limits(connections_each_max=2)) as way:
        first = await tunnel(way, port)
        second = await tunnel(way, port)
        answer = await way.ask(f"CONNECT echo.test:{port} HTTP/1.1")
        assert answer.startswith(b"HTTP/1.1 429 ")
        for reader, writer in (first, second):
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 20)
            writer.close()
        async with asyncio.timeout(20):
            while b"405" not in await way.ask("GET / HTTP/1.1"):  # noqa: ASYNC110 - the proxy's own end of them
                await asyncio.sleep(0.005)


async def test_a_project_whose_name_servers_never_answer_keeps_no_other_waiting(tmp_path: Path) -> None:
    answers, asked = threading.Event(), list[str]()

    def slow(host: str, port: int) -> list[Address]:
        asked.append(host)
        if host == "slow.test":
            answers.wait(60)
        return []

    async with way_out(tmp_path, ways=Ways(rule=any_address, resolve=slow)) as way:
        way.entries += ["demo=slow.test", "other=quick.test"]
        stuck = [asyncio.create_task(way.ask("CONNECT slow.test:443 HTTP/1.1")) for _ in range(RESOLVERS_MAX + 1)]
        try:
            async with asyncio.timeout(20):
                while len(asked) < RESOLVERS_EACH_MAX:  # noqa: ASYNC110 - threads tell nobody
                    await asyncio.sleep(0.005)
            answer = await way.ask("CONNECT quick.test:443 HTTP/1.1", way.grant(OTHER))
            assert b"it has no address" in answer
            assert asked.count("slow.test") == RESOLVERS_EACH_MAX
        finally:
            answers.set()
        await asyncio.gather(*stuck)
