"""How to connect to an upstream.

A look-up of a name takes one of few threads, for as long as the resolver takes. All requests for an
upstream share a look-up, so one whose name is not resolved leaves threads to the others.
"""

import asyncio
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from socket import SOCK_STREAM
from typing import Any

from streamserver.proxy.origin import Origin


class Connector:
    """Opens connections to ``origin``."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._loop: Any = asyncio.get_running_loop()
        self._lookup: asyncio.Task[Any] | None = None

    async def connect(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Open a connection, TLS included; OSError, of which SSLError is one, or UnicodeError if
        that fails. The addresses of a name are tried in their order."""
        origin, loop = self._origin, self._loop
        if origin.socket_path:
            await loop.create_unix_connection(make_protocol, origin.socket_path)
            return
        # The certificate has to be for the host, which is also sent as SNI.
        tls: dict[str, Any] = {}
        if origin.tls is not None:
            tls = {"ssl": origin.tls, "server_hostname": origin.host}
        hosts = [origin.host] if _is_address(origin.host) else await self._addresses()
        for host in hosts:
            try:
                await loop.create_connection(make_protocol, host, origin.port, **tls)
                return
            except OSError as error:
                if isinstance(error, ssl.SSLError) or host is hosts[-1]:
                    raise

    def close(self) -> None:
        """End the look-up."""
        if self._lookup is not None:
            self._lookup.cancel()

    async def _addresses(self) -> list[str]:
        if self._lookup is None or self._lookup.done():
            self._lookup = self._loop.create_task(self._look_up())
            self._lookup.add_done_callback(_retrieve)
        return list(await asyncio.shield(self._lookup))

    async def _look_up(self) -> list[str]:
        """The addresses of the host, each once; OSError if there is none."""
        origin = self._origin
        found = await self._loop.getaddrinfo(origin.host, origin.port, type=SOCK_STREAM)
        return list(dict.fromkeys(address[0] for *_, address in found))


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _retrieve(lookup: asyncio.Task[Any]) -> None:
    """Its error is known if no request waits for it any more."""
    if not lookup.cancelled():
        lookup.exception()
