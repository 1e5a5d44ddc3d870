"""A stream in a content coding, pushed by the test, and what its client has of it."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.coders import stream_coder
from streamserver.wire.content_coding import Coding
from support.answers import content
from support.content_decoding import content_decoder
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect
from support.requests import GET


def in_coding(response: Response, coding: Coding = "gzip") -> Response:
    """The response with a coder, as ``compress`` returns it."""
    response.headers["content-encoding"] = coding
    response.make_coder = partial(stream_coder, coding)
    return response


def decoded(received: bytes, coding: Coding = "gzip") -> bytes:
    """The content so far."""
    return content_decoder(coding).feed(content(received))


def is_whole(received: bytes, coding: Coding = "gzip") -> bool:
    """Whether the coding has its end, and the framing too."""
    decoder = content_decoder(coding)
    decoder.feed(content(received))
    assert decoder.is_complete == received.endswith(LAST_CHUNK)
    return decoder.is_complete


async def arrives(client: RawClient, text: str, coding: Coding) -> None:
    """Read until the content so far is this."""
    await client.read_until(lambda got: decoded(got, coding) == text.encode())


class Pushed:
    """A handler that answers with a pushed body, and keeps the writes and the exchange."""

    def __init__(self, coding: Coding = "gzip", **settings: Any) -> None:
        self.stream = StreamController()
        self.writes: list[bytes] = []
        self.coding = coding
        self.settings = settings
        self.exchange: Exchange

    async def __call__(self, request: Request) -> Response:
        self.exchange = request.exchange
        self.exchange.tap(self.writes.append)
        if self.settings:
            return in_coding(EventStream(self.stream, **self.settings), self.coding)
        return in_coding(Response(self.stream), self.coding)


Streaming = tuple[Served, Pushed, RawClient]


@contextlib.asynccontextmanager
async def streaming(serve: Serve, pushed: Pushed, **settings: Any) -> AsyncIterator[Streaming]:
    """A client that has the head of the stream."""
    server = await serve(pushed, **settings)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        yield server, pushed, client
