"""Speaks to a provider: one pooled client, bodies and streams passed through untouched, failures told as ours."""

import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from att.router.address import is_denied
from att.router.errors import ProviderFailed, ProviderSilent
from att.site.decision import Site, is_unclear
from att.site.trust import pem_of

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 300.0
TOTAL_SECONDS = 3600.0
CONNECTIONS_MAX = 256
HEADER_BYTES_MAX = 32_768
ERROR_BYTES_MAX = 262_144
_PASSED = ("content-type", "content-encoding", "retry-after", "x-request-id", "openai-processing-ms")


class DeniedAddress(OSError):
    """The provider's name leads to an address that is never asked."""


class _Resolver(AbstractResolver):
    """The machine's resolver; what it answers is held against the denied addresses at every connection."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(is_denied(one["host"]) for one in found):
            raise DeniedAddress(f"{host} leads to a link-local, metadata or multicast address")
        return found

    async def close(self) -> None:
        await self._inner.close()


@dataclass(frozen=True)
class Target:
    """One call of a provider: its name for messages, the URL, the key."""

    provider: str
    url: str
    key: str | None


class Answer:
    """What a provider answers: `status` and `headers` to pass on, the body as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, provider: str) -> None:
        self._response = response
        self._provider = provider
        self.status = response.status
        self.headers = {name: response.headers[name] for name in _PASSED if name in response.headers}

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises ProviderFailed, ProviderSilent where it breaks off."""
        with _told_as_ours(self._provider):
            async for piece in self._response.content.iter_any():
                yield piece

    async def small(self) -> bytes:
        """Return at most the first bytes of the body."""
        with _told_as_ours(self._provider):
            return await self._response.content.read(ERROR_BYTES_MAX)


class Upstream:
    """The client for all providers; `start` and `stop` it within one event loop.

    `site` gives what the site demands at that moment: https goes by its proxy, and its own authorities are trusted.
    """

    def __init__(self, site: Callable[[], Site] = Site, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._site = site
        self._silence = silence_seconds
        self._session: aiohttp.ClientSession | None = None
        self._trusted: tuple[str, ...] | None = None
        self._tls: ssl.SSLContext | None = None

    async def start(self) -> None:
        """Open the pool."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, resolver=_Resolver(), ttl_dns_cache=30)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            skip_auto_headers=("User-Agent",),
        )

    async def stop(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def ask(
        self, target: Target, method: str = "POST", body: bytes | None = None, seconds: float = TOTAL_SECONDS
    ) -> AsyncIterator[Answer]:
        """Send one request; leaving the context ends it. Raises ProviderFailed, ProviderSilent."""
        if self._session is None:
            raise RuntimeError("the pool is not open")
        url = URL(target.url)
        host, site = url.host or "", self._site()
        proxy = site.proxy_for(host) if url.scheme == "https" else None
        if is_denied(host) or (proxy is not None and is_unclear(host)):
            raise ProviderFailed(f"cannot ask {target.provider}: its address is never asked")
        limits = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS, sock_read=self._silence)
        with _told_as_ours(target.provider):
            response = await self._session.request(
                method,
                url,
                data=body,
                headers=_headers(target.key),
                allow_redirects=False,
                timeout=limits,
                proxy=proxy.url if proxy is not None else None,
                ssl=self._context(site.authorities),
            )
        try:
            yield Answer(response, target.provider)
        finally:
            # Whatever was not read is not waited for: the provider stops generating when the connection ends.
            response.close() if not response.content.at_eof() else response.release()

    def _context(self, authorities: tuple[str, ...]) -> ssl.SSLContext:
        """Return the context for these authorities, made when they change: connections that stand keep the former."""
        if self._tls is None or authorities != self._trusted:
            made = ssl.create_default_context()
            if authorities:
                made.load_verify_locations(cadata=pem_of(authorities))
                # Sites' own authorities are mostly older than the formal rules that Python alone insists on.
                made.verify_flags &= ~ssl.VERIFY_X509_STRICT
            self._tls, self._trusted = made, authorities
        return self._tls


def _headers(key: str | None) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


@contextmanager
def _told_as_ours(provider: str) -> Iterator[None]:
    """Turn what the client raises into the errors that clients of the gateway know."""
    try:
        yield
    except TimeoutError as error:
        raise ProviderSilent(f"cannot answer: the provider {provider} did not answer in time") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ProviderFailed(
            f"cannot answer: the provider {provider} cannot be reached ({_why(error)})", code="provider_unreachable"
        ) from error


def _why(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as unproven):
            return f"its certificate is not trusted: {unproven.verify_message}"
        case aiohttp.ClientHttpProxyError(status=407):
            return "the proxy wants a login, and ATT has none for it"
        case aiohttp.ClientHttpProxyError(status=int(status)):
            return f"the proxy answered {status}"
        case aiohttp.ClientProxyConnectionError(os_error=OSError(errno=int(number))):
            return f"the proxy: {os.strerror(number)}"
        case aiohttp.ClientConnectorError(os_error=DeniedAddress() as denied):
            return str(denied)
        case aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return "its name is not known"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):
            return os.strerror(number)
        case _:
            return type(error).__name__
