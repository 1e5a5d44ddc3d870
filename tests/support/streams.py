"""Push streams that are served, and clients that ask for them."""

from collections.abc import Callable
from typing import Any

from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from support.handlers import answering
from support.inprocess import Serve, Served
from support.rawsocket import RawClient
from support.requests import GET

Kind = Callable[[StreamController], Response]


async def serving(
    serve: Serve, stream: StreamController, kind: Kind = Response, **settings: Any
) -> Served:
    """A server whose answer to everything is this stream."""
    return await serve(answering(lambda: kind(stream)), **settings)


async def open_stream(client: RawClient, sent: bytes = GET) -> None:
    """Ask for the stream; its head has come when this returns."""
    await client.send(sent)
    await client.read_until(b"\r\n\r\n")


def fill(stream: StreamController) -> None:
    """Enqueue until the stream wants no more."""
    while stream.desired_size > 0:
        stream.enqueue(bytes(8192))
