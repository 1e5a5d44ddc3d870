"""A relay on a stage: its upstream's end and its client's are both in the test's hands."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from support.inprocess import Served, running
from support.rawserver import RawServer, raw_server
from support.rawsocket import RawClient, connect
from support.relaying import ok
from support.requests import get
from support.waiting import wait_until


@dataclass(slots=True)
class Stage:
    """A relay, its upstream, and the exchanges that have begun, in that order."""

    upstream: RawServer
    server: Served
    begun: list[Exchange]
    clients: contextlib.AsyncExitStack

    async def client(self) -> RawClient:
        """One more client, whose connection is closed at the end of the test."""
        return await self.clients.enter_async_context(connect(self.server.port))

    async def begin(self, sent: bytes) -> RawClient:
        """A client that has sent this, once the relay has begun with it."""
        client, count = await self.client(), len(self.begun)
        await client.send(sent)
        await wait_until(lambda: len(self.begun) > count)
        return client

    async def ask(self, target: bytes = b"/") -> tuple[RawClient, RawClient]:
        """A client that has asked for this target, and the upstream's end of a new connection."""
        client = await self.begin(get(target))
        return client, await self.upstream.asked()

    async def pooled(self) -> tuple[RawClient, RawClient]:
        """A client that has had an answer, and the connection that lies in the pool since."""
        client, peer = await self.ask(b"/first")
        await peer.send(ok(b"first"))
        await client.read_until(b"first")
        await self.has_ended(1)
        peer.received = client.received = b""
        return client, peer

    async def has_ended(self, count: int) -> None:
        """Return once so many exchanges have ended."""
        await wait_until(lambda: len(self.server.ended) >= count)


@contextlib.asynccontextmanager
async def staged(
    scheme: str = "http",
    host: str = "127.0.0.1",
    port: int = 0,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> AsyncIterator[Stage]:
    """A relay while inside, with options of `Proxy`; what is left behind is a failure.

    It relays to the stage's own upstream, unless another place is given.
    """
    async with raw_server() as upstream:
        proxy = Proxy(f"{scheme}://{host}:{port or upstream.port}", **options)
        begun: list[Exchange] = []

        async def handler(request: Request) -> Response:
            begun.append(request.exchange)
            return await proxy(request)

        # Whatever the test holds is closed before the server looks for what is left.
        serving = running(handler, observers=observers)
        async with serving as server, contextlib.AsyncExitStack() as clients:
            clients.enter_context(upstream.accepted)
            yield Stage(upstream, server, begun, clients)
