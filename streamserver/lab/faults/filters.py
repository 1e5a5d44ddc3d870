"""Faults, each a filter: it takes the pieces of a body and gives them on, until it strikes.

They stand around the body of any handler, one around another:

    async def feed(request: Request) -> Response:
        body = garbage(events(), request, event(2))
        return Response(truncate(body, request, event(5)))

A place is counted in what comes to the filter, garbage of those inside it included. As soon as it
is reached the fault strikes, before more is asked for; so of two at one place the outer is first,
save at the end. What comes before the place is on its way to the client by then.

A fault that breaks the response ends the exchange as ``truncated``: that is what the access log and
the metrics tell, however the client takes it. The log notes each fault that has struck.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from random import Random

from streamserver.kit.request import Request
from streamserver.lab.faults import breaks
from streamserver.lab.faults.breaks import HELD, cut_off
from streamserver.lab.faults.parts import Faulty, Pieces, closing, note, parts
from streamserver.lab.faults.places import END, Place
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import LAST_CHUNK

LOOK = 1.0
"""Seconds between two looks whether a client is still there, while a close is late."""

GARBAGE = 16
"""Bytes of garbage, where none are given."""

# Faults that break a response


def truncate(pieces: Pieces, request: Request, after: Place = END) -> Faulty:
    """Close the connection without the end of the body; with a reset where a proper close would
    be that end, as it is in HTTP/1.0."""
    return breaks.truncating(request, after).around(pieces)


def rst(pieces: Pieces, request: Request, after: Place = END) -> Faulty:
    """Reset the connection, once the system has taken what comes before."""
    return breaks.resetting(request, after).around(pieces)


def bad_chunk(
    pieces: Pieces, request: Request, after: Place = END, random: Random | None = None
) -> Faulty:
    """Send a chunk whose size is none, and close. A body that does not travel in chunks is cut as
    ``truncate`` does."""
    return breaks.breaking_a_chunk(request, after, random).around(pieces)


def unfinished(pieces: Pieces, request: Request, seconds: float = HELD) -> Faulty:
    """Leave out the end of the body, and the connection open until the client leaves; at last,
    after so many seconds, close it."""
    return breaks.holding(request, seconds).around(pieces)


async def wrong_length(pieces: Pieces, request: Request, length: int) -> Faulty:
    """For a response whose Content-Length, ``length``, is not that of its body, which is sent all
    the same; then the connection is closed."""
    exchange = request.exchange
    exchange.unbind()
    async with closing(pieces) as source:
        async for piece in source:
            yield piece
    if exchange.outcome is None and exchange.bytes_sent != length:
        note(exchange, f"length:{length}")
        exchange.flush_head()
        cut_off(exchange, reset=False)


# Faults that a response may survive


def stall(
    pieces: Pieces,
    request: Request,
    after: Place = END,
    seconds: float | None = None,
    resumed: Callable[[], object] | None = None,
) -> Faulty:
    """Fall silent for so many seconds, then go on; without them until the client leaves, or at
    last is cut off after ``HELD``.

    A producer with times to keep is late afterwards, for it was not asked meanwhile; ``resumed``
    is called then.
    """

    async def strike() -> bytes:
        await asyncio.sleep(HELD if seconds is None else seconds)
        if seconds is None:
            request.exchange.cut(Outcome.TRUNCATED)
        if resumed is not None:
            resumed()
        return b""

    return _inserted("stall", pieces, request.exchange, after, strike)


def garbage(
    pieces: Pieces,
    request: Request,
    after: Place = END,
    size: int = GARBAGE,
    random: Random | None = None,
) -> Faulty:
    """Put in ``size`` bytes, 1 or more, that are no text and an empty line behind them.

    Between two events a client should pass over them; one that takes all bytes for text fails.
    """
    # The first byte is one that UTF-8 never has: this is no field, no comment and no line's end.
    made = b"\xff" + (random or Random()).randbytes(size - 1).translate(_ONE_LINE) + b"\n\n"

    async def strike() -> bytes:
        return made

    return _inserted("garbage", pieces, request.exchange, after, strike)


async def error(
    pieces: Pieces, request: Request, after: Place, data: bytes, border: bytes
) -> Faulty:
    """Report an error in band, and end the body properly. Where the place is within an event,
    ``border`` ends that one first."""
    exchange, tail = request.exchange, b""
    async with aclosing(parts(pieces, after)) as found:
        async for part in found:
            if exchange.outcome is not None:
                return
            if part is None:
                note(exchange, f"error@{after}")
                yield data if tail in (b"", border) else border + data
                return
            tail = (tail + part)[-len(border) :]
            yield part


_ONE_LINE = bytes(0 if number in b"\r\n" else number for number in range(256))


async def slow_close(pieces: Pieces, request: Request, seconds: float) -> Faulty:
    """Send all of the body, and close the connection so many seconds later. The response should
    say ``Connection: close``."""
    exchange = request.exchange
    async with closing(pieces) as source:
        async for piece in source:
            yield piece
    if exchange.outcome is not None:
        return  # a fault inside this one has ended it
    note(exchange, f"slow_close:{seconds:g}")
    exchange.flush_head()
    if exchange.is_chunked:
        exchange.write_chunks(LAST_CHUNK, 0)
    # For the exchange all is done, and whoever leaves now misses nothing.
    exchange.abandon(Outcome.COMPLETE)
    _close_late(exchange, seconds)


def _close_late(exchange: Exchange, seconds: float) -> None:
    """Close the connection then; a client that has left is forgotten soon, however late that is."""
    connection = exchange.connection
    if seconds <= 0 or connection.transport.is_closing():
        connection.exchange_ended(False)
    else:
        wait = min(seconds, LOOK)
        connection.loop.call_later(wait, _close_late, exchange, seconds - wait)


async def _inserted(
    name: str,
    pieces: Pieces,
    exchange: Exchange,
    after: Place,
    strike: Callable[[], Awaitable[bytes]],
) -> Faulty:
    """The pieces, and what is put in at the place."""
    async with aclosing(parts(pieces, after)) as found:
        async for part in found:
            if part is None:
                note(exchange, f"{name}@{after}")
                part = await strike()
            if exchange.outcome is not None:
                return
            yield part
