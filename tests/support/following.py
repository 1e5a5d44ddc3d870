"""A client of a feed that keeps its position, as an EventSource does."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from streamserver.feed.feed import Feed
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import Decoder, End
from streamserver.wire.sse import Event, Parser
from support.content_decoding import ContentDecoder, content_decoder
from support.inprocess import Served
from support.rawsocket import RawClient, connect
from support.requests import get

MakeFeed = Callable[..., Feed]
PART = 65536


def app(feed: Feed, exchanges: list[Exchange] | None = None) -> Handler:
    """Serves the feed: /all from its beginning, any other path from new events on.

    The exchanges are added to the list, if there is one.
    """

    async def handler(request: Request) -> Response:
        if exchanges is not None:
            exchanges.append(request.exchange)
        return feed.subscribe(request, start="beginning" if request.path == "/all" else "new")

    return handler


@dataclass(slots=True)
class Follower:
    """What came over one connection: `events`, and in `chunks` the bytes that they came in, which
    `content` decodes if they are coded."""

    client: RawClient
    head: bytes = b""
    events: list[Event] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False
    """Whether the last-chunk has come."""
    parser: Parser = field(default_factory=Parser)
    decoder: Decoder = field(default_factory=Decoder)
    content: ContentDecoder | None = None

    @property
    def id(self) -> str | None:
        """What an EventSource would send as Last-Event-ID."""
        return self.parser.last_event_id

    @property
    def gaps(self) -> list[dict[str, str | None]]:
        """The data of each gap event."""
        return [json.loads(event.data) for event in self.events if event.event == "gap"]

    @property
    def data(self) -> list[str]:
        """The data of each event."""
        return [str(event.data) for event in self.events]

    async def read_until(self, enough: Callable[["Follower"], object], timeout: float = 5) -> None:
        """Read until this finds what has come enough; EOFError when the connection ends first,
        ConnectionResetError when that is by RST."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while not enough(self):
                part = await loop.sock_recv(self.client.sock, PART)
                if not part:
                    raise EOFError(f"the feed ended after {len(self.events)} events")
                self._take(part)

    async def read(self, count: int, timeout: float = 5) -> list[Event]:
        """The events, once there are so many."""
        await self.read_until(lambda self: len(self.events) >= count, timeout)
        return self.events

    async def position(self) -> str:
        """The position in the feed, once it was received: later events follow it."""
        await self.read_until(lambda self: self.id is not None)
        return str(self.id)

    async def read_end(self, timeout: float = 5) -> None:
        """Read until the last-chunk."""
        await self.read_until(lambda self: self.ended, timeout)

    def hurry(self) -> None:
        """Enlarge the receive buffer."""
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)

    def _take(self, part: bytes) -> None:
        if not self.decoder.done and b"\r\n\r\n" not in self.head:
            head, mark, part = (self.head + part).partition(b"\r\n\r\n")
            self.head = head + mark
        for piece in self.decoder.feed(part):
            if isinstance(piece, End):
                self.ended = True
            else:
                self.chunks.append(piece)
                decoded = piece if self.content is None else self.content.feed(piece)
                self.events += self.parser.feed(decoded)


@contextlib.asynccontextmanager
async def following(
    server: Served | int,
    position: str | None = None,
    target: str = "/",
    *,
    receive_buffer: int = 0,
    coding: str = "",
) -> AsyncIterator[Follower]:
    """A client that has asked for the feed, and has its head; closed at the end.

    It asks at a server, or a port, and sends its `position` as Last-Event-ID, if it has one. It
    accepts one content coding, which then has to be used, or none.
    """
    port = server if isinstance(server, int) else server.port
    fields = [] if position is None else [b"Last-Event-ID: " + position.encode()]
    fields += [b"Accept-Encoding: " + coding.encode()] if coding else []
    async with connect(port, receive_buffer=receive_buffer) as client:
        await client.send(get(target.encode(), *fields))
        follower = Follower(client, content=content_decoder(coding) if coding else None)
        await follower.read_until(lambda self: b"\r\n\r\n" in self.head)
        assert follower.head.startswith(b"HTTP/1.1 200 "), follower.head
        named = re.findall(rb"(?m)^content-encoding: (.*)\r$", follower.head)
        assert named == ([coding.encode()] if coding else []), follower.head
        yield follower


@contextlib.asynccontextmanager
async def crowd(server: Served, count: int) -> AsyncIterator[list[Follower]]:
    """So many readers, each with a position."""
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(following(server)) for _ in range(count)]
        for reader in readers:
            await reader.position()
        yield readers
