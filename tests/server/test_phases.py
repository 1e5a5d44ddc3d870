"""The phases of an exchange: each change that the table allows does happen.

That no other happens is checked for every exchange of every test: see ``support.phases``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.exchange import Exchange
from streamserver.server.phase import FOLLOWS, Outcome, Phase
from streamserver.wire.chunked import LAST_CHUNK
from support import phases
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import GET


async def fixed(request: Request) -> Response:
    return Response(b"whole")


async def refused(request: Request) -> Response:
    """The head cannot be written: an error takes its place."""
    return Response(b"whole", headers={"Content-Length": "4"})


async def shorter(request: Request) -> Response:
    """A head was made, and the producer fails before its first piece."""

    async def none() -> AsyncIterator[bytes]:
        raise ValueError("the producer fails")
        yield b""

    return Response(none())


async def waiting(request: Request) -> Response:
    async def three() -> AsyncIterator[bytes]:
        yield b"alone"
        await asyncio.sleep(0)
        yield b"first"
        yield b"held"
        await asyncio.sleep(0)
        yield b"last"

    return Response(three())


class Left:
    """A push body whose client leaves before its head is written, or while a piece is held."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def attach(self, exchange: Exchange, encode: object) -> None:
        for piece in self.pieces:
            exchange.push(piece)
        exchange.abandon(Outcome.CLIENT_GONE)
        exchange.connection.cut(reset=True)

    def drained(self) -> None: ...

    def cancelled(self, exchange: Exchange) -> None: ...


async def left_early(request: Request) -> Response:
    return Response(Left())


async def left_late(request: Request) -> Response:
    return Response(Left(b"first", b"held"))


async def test_every_change_of_the_table_happens(serve: Serve) -> None:
    phases.seen.clear()
    for handler, until in (
        (fixed, b"whole"),
        (refused, b"500"),
        (shorter, b"500"),
        (waiting, LAST_CHUNK),
        (left_early, None),
        (left_late, None),
    ):
        server = await serve(handler)
        with suppress(ConnectionError):
            await raw(server.port, GET, until=until)
    silent = asyncio.Event()

    async def never(request: Request) -> Response:
        silent.set()
        await asyncio.Event().wait()
        raise AssertionError

    server = await serve(never)
    async with connect(server.port) as client:
        await client.send(GET)
        await silent.wait()
    await server.stop()
    phases.check_all_happened(FOLLOWS)


def test_nothing_follows_the_end() -> None:
    phases.check_table(FOLLOWS, Phase.ENDED)
