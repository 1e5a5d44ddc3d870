"""A server inside the test's own event loop, on a port of its own."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streamserver.kit.service import Handler, close, service
from streamserver.server.descriptors import Descriptors
from streamserver.server.exchange import Exchange
from streamserver.server.listener import Listener
from streamserver.server.observer import Observer, Several
from streamserver.server.settings import Settings
from streamserver.server.state import Handler as EngineHandler
from streamserver.wire.forwarded import TrustedPeers
from support.leaks import no_leaks

STOP_WITHIN = 10.0


@dataclass(slots=True)
class Served:
    """A running server: where it listens, and the exchanges that have ended, in that order."""

    handler: Handler
    listener: Listener
    host: str
    port: int
    ended: list[Exchange]

    @property
    def url(self) -> str:
        """Its origin, without a slash at the end."""
        return self.listener.url

    async def stop(self, grace: float = 1.0) -> None:
        """Drain the server, and close what its handler keeps open; TimeoutError when either takes
        long, the one after `grace` seconds are over."""
        await asyncio.wait_for(self.listener.stop(grace), grace + STOP_WITHIN)
        await asyncio.wait_for(close(self.handler), STOP_WITHIN)


class Ended(Observer):
    """Keeps the exchanges that have ended, in their order."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def ended(self, exchange: Exchange) -> None:
        """Keep this one."""
        self.exchanges.append(exchange)


class Serve(Protocol):
    """Start a server for a handler, with settings by name."""

    async def __call__(
        self,
        handler: Handler,
        *,
        tls: ssl.SSLContext | None = None,
        observers: Sequence[Observer] = (),
        **settings: Any,
    ) -> Served: ...


@contextlib.asynccontextmanager
async def running(
    handler: Handler,
    *,
    tls: ssl.SSLContext | None = None,
    observers: Sequence[Observer] = (),
    front: Callable[[EngineHandler], EngineHandler] = lambda handler: handler,
    descriptors: Descriptors | None = None,
    trusted: TrustedPeers | None = None,
    identifies: bool = False,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve the handler on 127.0.0.1 while inside, then stop; what is left behind is a failure.

    ``front`` makes of it what is served in its place; ``descriptors``: a budget of its own;
    ``trusted`` and ``identifies`` are those of ``Listener``.
    """
    async with no_leaks():
        ended = Ended()
        observer = Several([*observers, ended]) if observers else ended
        served_by = front(service(handler))
        listener = Listener(
            served_by, Settings(**settings), observer, descriptors, trusted, identifies
        )
        sock = socket.create_server(("127.0.0.1", 0))
        host, port = sock.getsockname()
        await listener.start(sock=sock, ssl=tls)
        served = Served(handler, listener, host, port, ended.exchanges)
        try:
            yield served
        finally:
            await served.stop()
