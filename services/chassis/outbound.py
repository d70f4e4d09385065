"""HTTP POST to an address that somebody else has named, kept from reaching anything inside (SSRF).

https only. The host is resolved here, each of its addresses must be public, and the connection is made to an address
that was checked, under the host's own name for TLS and `Host`: a name that resolves to something else a moment later
(DNS rebinding) changes nothing. Redirects are not followed, proxies of the environment are not used, and the time and
size of an answer are bounded. Source: IANA special-purpose address registries (RFC 6890), by way of `ipaddress`.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

import httpcore
import httpx

from services.chassis.errors import Text
from services.chassis.settings import Settings

LONGEST_URL = 2_000
MOST_BYTES = 64 << 10
"""Of an answer; beyond it the connection is dropped."""
KEEP_SECONDS = 30.0
UNICAST = ip_network("2000::/3")
NEVER = (ip_network("192.0.0.0/24"), ip_network("168.63.129.16/32"))
"""Public by number only: protocol assignments, and a cloud's metadata service."""
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → its addresses. Raises OSError if it has none."""
_resolvers = ThreadPoolExecutor(64, "resolver")
"""Wide: a name server that never answers holds one thread, not everybody."""


class Unreachable(Exception):
    """There was no answer; says why."""


class NotAllowed(Unreachable):
    """Nothing was sent, and nothing will be while the name says so."""


class Answer(NamedTuple):
    """Status and headers (names in lower case); what the body says is of no interest."""

    status: int
    headers: Mapping[str, str]


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet: not loopback, private, link-local, shared, multicast …"""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip not in UNICAST or ip.sixtofour:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in NEVER)


def fault_of(settings: Settings, url: str) -> Text | None:
    """What forbids a URL before its host is looked up; None if nothing does."""
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        target = httpx.URL()
    if not target.host or target.scheme not in ("https", "http") or len(url) > LONGEST_URL:
        return Text("Không phải địa chỉ https hợp lệ", "Not a valid https URL")
    if target.userinfo or target.fragment:
        return Text("Không được có tên đăng nhập hay phần #", "May not hold credentials or a fragment")
    if settings.webhook_insecure:
        return None
    if target.scheme != "https":
        return Text("Phải là https", "Must be https")
    if not _port_allowed(settings, target.port or 443):
        return Text(f"Cổng phải là {settings.webhook_ports}", f"The port must be one of {settings.webhook_ports}")
    try:
        public = is_public(target.host)
    except ValueError:
        return None
    return None if public else Text("Địa chỉ không thuộc mạng công cộng", "Not a public address")


def _port_allowed(settings: Settings, port: int) -> bool:
    return str(port) in settings.webhook_ports.split(",")


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_resolvers, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only. `inner` opens them."""

    def __init__(self, settings: Settings, resolve: Resolve, inner: httpcore.AsyncNetworkBackend) -> None:
        self.settings, self.resolve, self.inner = settings, resolve, inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check every address, connect to one of them. Raises NotAllowed, Unreachable."""
        try:
            addresses = await self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} does not resolve") from error
        if not self.settings.webhook_insecure:
            if not _port_allowed(self.settings, port):
                raise NotAllowed(f"port {port} is not allowed")
            if not all(map(is_public, addresses)):
                raise NotAllowed(f"{host} is not on the public internet")
        for address in addresses:
            try:
                return await self.inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise Unreachable(f"{host} does not accept connections")


class Outbound:
    """Posts, over connections that are kept a while. Close it with `async with`."""

    def __init__(
        self, settings: Settings, resolve: Resolve = resolved, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self.settings = settings
        self.pool = httpcore.AsyncConnectionPool(
            ssl_context=_trust(settings),
            max_connections=None,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=Guard(settings, resolve, inner or httpcore.AnyIOBackend()),
        )

    async def __aenter__(self) -> "Outbound":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status. Raises Unreachable, NotAllowed."""
        if fault := fault_of(self.settings, url):
            raise NotAllowed(fault.en)
        target = httpx.URL(url)
        where = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        try:
            async with (
                asyncio.timeout(self.settings.webhook_timeout),
                self.pool.stream("POST", where, headers=list(headers.items()), content=body) as response,
            ):
                size = 0
                async for part in response.aiter_stream():
                    size += len(part)
                    if size > MOST_BYTES:
                        break
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return Answer(response.status, found)
        except (TimeoutError, httpcore.TimeoutException):
            raise Unreachable(f"no answer within {self.settings.webhook_timeout:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error


def _trust(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.webhook_ca_file:
        context.load_verify_locations(settings.webhook_ca_file)
    return context
