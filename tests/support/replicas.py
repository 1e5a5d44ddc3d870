"""A relay to several raw upstreams, which the test controls."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamserver.kit.service import Handler
from streamserver.proxy.group import Group
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits
from streamserver.server.observer import Observer
from support.inprocess import Served, running
from support.rawserver import RawServer, raw_server
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk
from support.requests import get
from support.upstreams import has_caller
from support.waiting import wait_until


@dataclass(slots=True)
class Replicas:
    """The relay, its upstreams, and the clients, whose connections end with the test."""

    proxy: Proxy
    servers: list[RawServer]
    server: Served
    clients: contextlib.AsyncExitStack

    @property
    def group(self) -> Group:
        """What the relay chooses from; the order is that of ``servers``."""
        (state,) = self.proxy._states.values()
        assert state.group is not None
        return state.group

    @property
    def open(self) -> list[int]:
        """The open streams of each replica."""
        return [replica.open for replica in self.group.replicas]

    async def begin(self, sent: bytes) -> RawClient:
        """A client that has sent this."""
        client = await self.clients.enter_async_context(connect(self.server.port))
        await client.send(sent)
        return client

    async def asked(self, among: Sequence[int] = ()) -> tuple[int, RawClient]:
        """The replica that has the next new connection, with a whole head on it."""
        numbers = among or range(len(self.servers))
        found = await wait_until(lambda: [n for n in numbers if has_caller(self.servers[n])])
        return found[0], await self.servers[found[0]].asked()

    async def occupy(self) -> tuple[RawServer, RawServer]:
        """Open a stream at one of two replicas: that one, and the other, which is the next."""
        client = await self.begin(get(b"/held"))
        number, peer = await self.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"held"))
        await client.read_until(b"held")
        return self.servers[number], self.servers[1 - number]

    async def has_ended(self, count: int) -> None:
        """Return once so many exchanges have ended."""
        await wait_until(lambda: len(self.server.ended) >= count)


@contextlib.asynccontextmanager
async def replicas(
    count: int = 2,
    observers: Sequence[Observer] = (),
    front: Callable[[Proxy], Handler] = lambda proxy: proxy,
    **options: Any,
) -> AsyncIterator[Replicas]:
    """A relay to so many upstreams while inside, with options of `Proxy`.

    It reuses no connection unless ``pool`` is among them. ``front`` makes of it what is served.
    """
    options.setdefault("pool", PoolLimits(idle=0))
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(raw_server()) for _ in range(count)]
        proxy = Proxy([server.url for server in servers], **options)
        serving = running(front(proxy), observers=observers)
        async with serving as server, contextlib.AsyncExitStack() as clients:
            for each in servers:
                clients.enter_context(each.accepted)
            yield Replicas(proxy, servers, server, clients)


async def serve(peer: RawClient, body: bytes) -> None:
    """Send a whole response in chunks."""
    await peer.send(CHUNKED_HEAD + chunk(body) + LAST_CHUNK)
