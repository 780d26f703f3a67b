"""Transport: HTTP to checked addresses only.

A name is resolved once, every address it has is checked, and the connection is made to one of those very addresses:
a name that answers differently the second time (DNS rebinding) gains nothing. TLS and the Host header keep the name.
No connection is kept for a second request, because one made for one name must not serve another.
"""

import asyncio
import socket
import ssl

import httpx

from adapters.fetching.addresses import allowed, parse

_MOST_ADDRESSES = 3


class Refused(Exception):  # noqa: N818  a rule's answer, not a fault
    """The host has an address that nothing may be fetched from."""


class NoSuchHost(Exception):  # noqa: N818
    """The name does not exist (NXDOMAIN), as far as the resolver knows."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to public addresses; to private ones only when they are allowed."""

    def __init__(self, allow_private: bool, verify: ssl.SSLContext) -> None:
        self._allow_private = allow_private
        alone = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=alone)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the first of the name's addresses that accepts a connection.

        Raises:
            Refused: One of its addresses is not allowed.
            NoSuchHost: There is no such name.
            httpx.TransportError: No connection, or it broke.
        """
        name = request.url.raw_host.decode("ascii")
        addresses = await self.resolve(request.url)
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._inner.handle_async_request(_addressed(request, name, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if place == len(addresses):
                    raise
        raise NoSuchHost

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()

    async def resolve(self, url: httpx.URL) -> list[str]:
        """Return the addresses, at most three, that a request to this URL may be sent to.

        Raises:
            Refused: One of its addresses is not allowed.
            NoSuchHost: There is no such name.
            httpx.TransportError: The name could not be looked up.
        """
        name = url.raw_host.decode("ascii")
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name.strip("[]"), port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
                raise NoSuchHost from None
            raise httpx.ConnectError("the name could not be looked up") from None
        except (UnicodeError, ValueError):
            raise NoSuchHost from None
        addresses = list(dict.fromkeys(str(parse(str(entry[4][0]))) for entry in found))
        if not all(allowed(parse(address), self._allow_private) for address in addresses):
            raise Refused
        return addresses[:_MOST_ADDRESSES]


def _addressed(request: httpx.Request, name: str, address: str) -> httpx.Request:
    """Return a copy that connects to the address; the original keeps its URL, which relative redirects start from."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
