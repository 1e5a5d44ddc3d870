"""How each kind of streamed body is sent: pulled, copied from a file, or pushed.

A pull body is asked for a piece, which is written, and for the next one when the client has
room. A push body is attached to its exchange and left to whoever drives it.
"""

import asyncio
from typing import TYPE_CHECKING

from streamserver.server.answer import Answer, FileRegion
from streamserver.server.sendfile import output, send_file

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange

FIRST_TURN, TURN = 16, 256
"""Pieces that a producer which never waits may send before others have their turn: at first, and
at most."""
LARGE = 1024 * 1024
"""Bytes; behind a turn in which more were sent comes one of half as many pieces, and behind any
other one of twice as many. So nothing is counted with each piece."""


async def pull(exchange: "Exchange", answer: Answer) -> None:
    """Send the pieces of an async iterable, which is closed in any case."""
    # Its iterator is what must be closed: not every iterable is its own.
    pieces, encode = aiter(answer.body), answer.encode
    connection = exchange.connection
    write, is_closing = exchange.write, connection.transport.is_closing
    turn = left = FIRST_TURN
    mark = 0
    try:
        if not exchange.begin(answer):
            return
        async for piece in pieces:
            write(encode(piece) if encode is not None else piece)
            if connection.paused:
                await connection.drained()
            elif left and not is_closing():
                left -= 1
            else:
                sent, mark = exchange.bytes_sent - mark, exchange.bytes_sent
                left = turn = max(turn // 2, 1) if sent > LARGE else min(2 * turn, TURN)
                await asyncio.sleep(0)
    finally:
        # Here and now, in this task, not whenever the collector comes by.
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()


async def copy(exchange: "Exchange", answer: Answer) -> None:
    """Send a file region; TypeError when the body is of no kind that can be sent."""
    body = answer.body
    if not isinstance(body, FileRegion):
        raise TypeError(f"a body is bytes, a file, a stream or iterable, not {body!r}")
    with body.file, output(exchange) as out:
        if exchange.begin(answer):
            exchange.flush_head()
            await send_file(exchange, body, out)


def attach(exchange: "Exchange", answer: Answer) -> None:
    """Hand the exchange to a push body."""
    if not exchange.begin(answer):
        exchange.tell(answer, "cancelled")
        return exchange.end()
    # Whoever keeps the request has its fields; of 100,000 idle streams few do.
    exchange.head = exchange.head._replace(fields=[])
    try:
        answer.body.attach(exchange, answer.encode)
    except BaseException:
        exchange.tell(answer, "cancelled")
        raise
