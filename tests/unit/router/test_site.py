"""Providers behind the site's proxy and its own authority: reached only when both are known, and told which is not."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from tests.fakes.site import authority, connect_proxy
from tests.unit.router.gateway import Answered, Router, provider, router

from att.router import upstream
from att.site.decision import Proxy, Site

pytestmark = pytest.mark.anyio
BODY = b'{"model": "llama", "messages": []}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def answer(_: web.Request) -> web.Response:
    return web.json_response({"from": "far"})


async def asked(found: Router, url: str) -> Answered:
    if found.providers.all():
        found.providers.remove("far")
    found.providers.add("far", url, ["llama"], "sk-of-the-provider")
    return await asyncio.wait_for(found.ask("POST", "/v1/chat/completions", body=BODY), 20)


def why(answered: Answered) -> str:
    assert answered.status == 502
    said: dict[str, Any] = answered.json["error"]
    assert said["code"] == "provider_unreachable"
    return str(said["message"])


@pytest.mark.parametrize("strict", [True, False])
async def test_a_provider_of_the_sites_authority_is_reached_once_that_is_trusted_and_until_it_is_not(
    tmp_path: Path, strict: bool
) -> None:
    ours, site = authority(strict=strict), Site()
    tls = ours.server(tmp_path / "far", "localhost")
    async with provider(answer, tls) as url, router(tmp_path, site=lambda: site) as found:
        url = url.replace("127.0.0.1", "localhost")
        assert "its certificate is not trusted" in why(await asked(found, url))
        site = Site(authorities=authority("Another Root").authorities)
        assert "its certificate is not trusted" in why(await asked(found, url))
        site = Site(authorities=ours.authorities)
        assert (await asked(found, url)).json == {"from": "far"}
        site = Site()
        assert "its certificate is not trusted" in why(await asked(found, url))


async def test_a_provider_at_https_is_asked_of_the_proxy_by_its_name_and_one_at_http_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(_: object, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        at = "127.0.0.1" if host == "near.test" else host
        return [ResolveResult(hostname=host, host=at, port=port, family=socket.AF_INET, proto=0, flags=0)]

    monkeypatch.setattr(upstream._Resolver, "resolve", resolve)
    ours = authority()
    tls = ours.server(tmp_path / "far", "far.test")
    async with provider(answer, tls) as url, provider(answer) as plain, connect_proxy() as proxy:
        site = Site(proxy.proxy, authorities=ours.authorities)
        async with router(tmp_path, site=lambda: site) as found:
            port = url.split(":")[2].split("/")[0]
            proxy.names["far.test"] = int(port)
            assert (await asked(found, f"https://far.test:{port}/v1")).json == {"from": "far"}
            assert [line.split()[:2] for line in proxy.asked] == [["CONNECT", f"far.test:{port}"]]
            assert b"sk-of-the-provider" not in b"".join(proxy.heads)
            assert (await asked(found, plain.replace("127.0.0.1", "near.test"))).json == {"from": "far"}
            # Loopback goes directly, by name or address; the name on the certificate is another.
            assert "its certificate is not trusted" in why(await asked(found, url))
            assert len(proxy.asked) == 1


async def test_what_the_proxy_refuses_is_told(tmp_path: Path) -> None:
    async with connect_proxy() as proxy:
        site = Site(proxy.proxy)
        async with router(tmp_path, site=lambda: site) as found:
            proxy.answer = lambda _line: b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
            assert "the proxy wants a login" in why(await asked(found, "https://far.test/v1"))
            proxy.answer = lambda _line: b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
            assert "the proxy answered 403" in why(await asked(found, "https://far.test/v1"))
            site = Site(Proxy("127.0.0.1", 1))
            assert "the proxy: Connection refused" in why(await asked(found, "https://far.test/v1"))


async def test_what_may_be_taken_for_an_address_is_not_asked_of_the_proxy(tmp_path: Path) -> None:
    async with connect_proxy() as proxy, router(tmp_path, site=lambda: Site(proxy.proxy)) as found:
        for host in ("2852039166", "169.254.43518"):
            answered = await asked(found, f"https://{host}/v1")
            assert (answered.status, "never asked" in answered.json["error"]["message"]) == (502, True)
        assert proxy.asked == []
