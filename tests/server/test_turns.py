"""A producer that never waits lets others have their turn, whatever the size of its pieces."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from streamserver.kit.response import Response
from streamserver.server.sending import FIRST_TURN, TURN
from support.handlers import answering
from support.inprocess import Serve
from support.rawsocket import connect
from support.requests import GET


@pytest.mark.parametrize(
    ("size", "count", "most"),
    [(1, 3 * TURN, TURN + 1), (4095, 3 * TURN, TURN + 1), (65536, 40, FIRST_TURN + 1)],
)
async def test_after_so_much_others_go_on(serve: Serve, size: int, count: int, most: int) -> None:
    turn = 0
    pieces: Counter[int] = Counter()

    async def piece_after_piece() -> AsyncIterator[bytes]:
        for _ in range(count):
            pieces[turn] += 1
            yield bytes(size)

    server = await serve(answering(lambda: Response(piece_after_piece())))
    async with connect(server.port) as client:
        await client.send(GET)
        reading = asyncio.create_task(client.read_until(b"\r\n0\r\n\r\n"))
        while not reading.done():
            turn += 1
            await asyncio.sleep(0)
    assert pieces.total() == count
    assert max(pieces.values()) <= most
