"""A server that keeps answers, its upstream in the hands of the test, and clients that resume."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from streamserver.feed.feed import Backend
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.resumable import Resumable
from streamserver.server.observer import Observer
from streamserver.wire.sse import Event, Parser
from support.answers import content
from support.inprocess import Served, running
from support.rawserver import RawServer, raw_server
from support.rawsocket import RawClient, connect
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import get, post, request
from support.upstreams import has_caller
from support.waiting import wait_until

TARGET = b"/v1/chat/completions"
BODY = b'{"stream": true}'
DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Kept:
    """The server, its upstream, and the connections that the test opens to the one."""

    upstream: RawServer
    handler: Resumable
    server: Served
    clients: contextlib.AsyncExitStack

    async def client(self, sent: bytes = b"") -> RawClient:
        """A client that has sent this, closed at the end of the test."""
        client = await self.clients.enter_async_context(connect(self.server.port))
        await client.send(sent)
        return client

    async def post(
        self,
        *fields: bytes,
        key: str = "",
        body: bytes = BODY,
        target: bytes = TARGET,
        position: str = "",
    ) -> RawClient:
        """A client that asks for an answer."""
        lines = [*fields, b"Idempotency-Key: " + key.encode()] if key else fields
        return await self.client(post(body, fields=[*lines, *_after(position)], target=target))

    async def begin(
        self, *events: bytes, fields: Sequence[bytes] = (), **options: Any
    ) -> tuple[RawClient, RawClient]:
        """A client whose answer has begun with these events, and the upstream's side."""
        client = await self.post(*fields, **options)
        peer = await self.upstream.asked()
        await peer.send(EVENTS_HEAD)
        await client.read_until(b"\r\n\r\n")
        for event in events:
            await say(peer, event)
            await client.read_until(event)
        return client, peer

    async def get(self, location: str, position: str = "", *fields: bytes) -> RawClient:
        """A client that follows an answer."""
        return await self.client(get(location.encode(), *_after(position), *fields))

    async def end(self, method: str, location: str, *fields: bytes) -> bytes:
        """The head of a whole response."""
        line = f"{method} {location} HTTP/1.1".encode()
        client = await self.client(request(line, b"Host: a", *fields))
        return await client.read_until(b"\r\n\r\n")

    @property
    def store(self) -> Any:
        """Where the answers are."""
        assert self.handler._answers._opened is not None
        return self.handler._answers._opened[0]

    async def until_waiting(self, count: int) -> None:
        """Return once so many clients wait for the head of an answer."""
        producers = self.handler._answers._producers
        await wait_until(lambda: sum(len(each._waiters) for each in producers.values()) == count)

    def check_asked_once(self, peer: RawClient) -> None:
        """Fail if the upstream got a second request, on this connection or another."""
        peer.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            peer.received += peer.sock.recv(65536)
        assert peer.received.count(b"POST ") == 1
        assert not has_caller(self.upstream)


@contextlib.asynccontextmanager
async def keeping(
    backend: Backend | None = None,
    *,
    proxy: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    **options: Any,
) -> AsyncIterator[Kept]:
    """A server while inside, with options of ``Resumable`` and of ``Proxy``."""
    async with raw_server() as upstream:
        handler = Resumable(Proxy(upstream.url, **(proxy or {})), backend, **options)
        serving = running(handler, observers=observers, **(settings or {}))
        async with serving as server, contextlib.AsyncExitStack() as clients:
            clients.enter_context(upstream.accepted)
            yield Kept(upstream, handler, server, clients)


async def say(peer: RawClient, *events: bytes, is_last: bool = False) -> None:
    """Send events of the upstream, and its end."""
    await peer.send(b"".join(map(chunk, events)) + (LAST_CHUNK if is_last else b""))


def event(number: int) -> bytes:
    """An event of the upstream."""
    return b'data: {"n": %d}\n\n' % number


def head_of(received: bytes) -> dict[str, str]:
    """The fields of the first response."""
    lines = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def location_of(received: bytes) -> str:
    """Where the answer is."""
    return head_of(received)["location"]


def events_of(received: bytes) -> list[Event]:
    """Those that were received so far, each with its id."""
    return Parser().feed(content(received))


def data_of(received: bytes) -> list[str]:
    """Their data."""
    return [str(event.data) for event in events_of(received)]


def last_id(received: bytes) -> str:
    """Where a client resumes."""
    return str(events_of(received)[-1].id)


def _after(position: str) -> list[bytes]:
    return [b"Last-Event-ID: " + position.encode()] if position else []
