"""Through the proxy of the site: which connections go by it, how its refusals are told, and what it cannot open."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.fakes.egress import WayOut, echo, way_out
from tests.fakes.site import connect_proxy

from att.egress import onward
from att.egress.decision import Target, address_problem
from att.egress.onward import Refused
from att.egress.ways import Ways
from att.site.decision import Proxy, Site

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def asked(way: WayOut, host: str, port: int = 443) -> str:
    way.entries.append(f"demo={host}:{port}")
    return (await way.ask(f"CONNECT {host}:{port} HTTP/1.1")).decode()


async def greeted(way: WayOut, host: str, port: int, words: bytes) -> bytes:
    """Send words to an echo and return what comes back."""
    way.entries.append(f"demo={host}:{port}")
    reader, writer = await way.open()
    writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode() + words)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return rest


async def test_a_host_is_asked_of_the_proxy_by_its_name_and_looked_up_by_nobody_here(tmp_path: Path) -> None:
    async with echo() as port, connect_proxy() as proxy, way_out(tmp_path, site=lambda: Site(proxy.proxy)) as way:
        proxy.names["far.test"] = port
        assert await greeted(way, "far.test", 443, b"there and back") == b"there and back"
        assert proxy.asked == ["CONNECT far.test:443 HTTP/1.1"]
        assert way.asked == ["127.0.0.1"]
        assert b"ATT-GRANT" not in proxy.heads[0]


async def test_what_a_host_says_first_is_not_lost(tmp_path: Path) -> None:
    async with echo() as port, connect_proxy() as proxy, way_out(tmp_path, site=lambda: Site(proxy.proxy)) as way:
        proxy.names["far.test"], proxy.early = port, b"SSH-2.0-far\r\n"
        assert await greeted(way, "far.test", 22, b"x") == b"SSH-2.0-far\r\nx"


async def test_an_exception_is_reached_without_the_proxy_and_a_change_holds_at_the_next_connection(
    tmp_path: Path,
) -> None:
    async with echo() as port, connect_proxy() as proxy:
        site = Site(proxy.proxy, ("near.test",))
        async with way_out(tmp_path, site=lambda: site) as way:
            for host in ("near.test", "below.near.test"):
                way.names[host] = [(socket.AF_INET, "127.0.0.1", port)]
                assert await greeted(way, host, port, b"direct") == b"direct"
            assert proxy.asked == []
            site = Site(proxy.proxy)
            proxy.names["near.test"] = port
            assert await greeted(way, "near.test", port, b"by it") == b"by it"
            assert len(proxy.asked) == 1


async def test_the_policy_stands_before_the_proxy(tmp_path: Path) -> None:
    async with connect_proxy() as proxy, way_out(tmp_path, site=lambda: Site(proxy.proxy)) as way:
        assert b"X-ATT-Code: egress_denied" in await way.ask("CONNECT far.test:443 HTTP/1.1")
        assert proxy.asked == []


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "127.1", "2130706433", "0x7f.1", "127.0.0.1"]
)
async def test_a_private_address_that_is_written_out_is_refused_before_the_proxy_however_it_is_written(
    tmp_path: Path, host: str
) -> None:
    async with connect_proxy() as proxy:
        ways = Ways(lambda: Site(proxy.proxy), rule=address_problem)
        async with way_out(tmp_path, ways=ways) as way:
            assert "X-ATT-Code: egress_address" in await asked(way, host)
            assert proxy.asked == []


async def test_an_exception_opens_no_private_address(tmp_path: Path) -> None:
    async with connect_proxy() as proxy:
        ways = Ways(lambda: Site(proxy.proxy, ("10.0.0.0/8",)), rule=address_problem)
        async with way_out(tmp_path, ways=ways) as way:
            assert "X-ATT-Code: egress_address" in await asked(way, "10.0.0.1")


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 502, "answered 403"),
        (b"HTTP/1.0 407 Who are you\r\nProxy-Authenticate: NTLM\r\n\r\n", 502, "wants a login"),
        (b"HTTP/1.1 503\r\n\r\n", 502, "answered 503"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 502, "is no HTTP proxy"),
        (b"", 502, "broke the connection off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, 502, "broke the connection off"),
    ],
)
async def test_what_the_proxy_refuses_is_told_with_the_proxys_name(
    tmp_path: Path, answer: bytes, status: int, why: str
) -> None:
    async with connect_proxy() as proxy, way_out(tmp_path, site=lambda: Site(proxy.proxy)) as way:
        proxy.answer = lambda _line: answer
        said = await asked(way, "far.test")
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert "X-ATT-Code: egress_proxy\r\n" in said
    assert f"http://127.0.0.1:{proxy.port}" in said
    assert why in said


async def test_a_proxy_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onward, "ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = Proxy("127.0.0.1", silent.getsockname()[1])
        async with way_out(tmp_path, site=lambda: Site(proxy)) as way:
            said = await asked(way, "far.test")
    assert said.startswith("HTTP/1.1 504 ")
    assert "does not answer" in said


async def test_a_proxy_that_is_not_there_or_that_nobody_knows_is_told(tmp_path: Path) -> None:
    site = Site(Proxy("127.0.0.1", 1))
    async with way_out(tmp_path, site=lambda: site) as way:
        assert "by the proxy http://127.0.0.1:1: Connection refused" in await asked(way, "far.test")
        site = Site(Proxy("nowhere.test", 3128))
        way.names["nowhere.test"] = []
        assert "by the proxy http://nowhere.test:3128: it has no address" in await asked(way, "far.test")


async def test_a_proxy_whose_name_leads_to_a_metadata_service_is_not_used(tmp_path: Path) -> None:
    async with way_out(tmp_path, site=lambda: Site(Proxy("proxy.test", 80))) as way:
        way.names["proxy.test"] = [(socket.AF_INET, "169.254.169.254", 80)]
        said = await asked(way, "far.test")
    assert "X-ATT-Code: egress_proxy" in said
    assert "no proxy lives at 169.254.169.254" in said


async def test_an_address_of_the_sixth_version_is_named_in_brackets() -> None:
    async with connect_proxy() as proxy:
        proxy.answer = lambda _line: b"HTTP/1.1 403 No\r\n\r\n"
        connected = socket.create_connection(("127.0.0.1", proxy.port))
        connected.setblocking(False)
        with pytest.raises(Refused, match=r"cannot reach \[2606:2800::1\]:443"):
            await onward.through(proxy.proxy, connected, Target("2606:2800::1", 443))
        assert proxy.asked == ["CONNECT [2606:2800::1]:443 HTTP/1.1"]
