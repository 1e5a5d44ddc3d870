"""Faults that are the end of a response: it is cut, reset, broken off or left open."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from random import Random

from streamserver.kit.request import Request
from streamserver.lab.faults.parts import Faulty, Pieces, closing, note, parts
from streamserver.lab.faults.places import END, Place
from streamserver.lab.taken import taken
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome

HELD = 300.0
"""Seconds after which even what shall last for ever is over."""

NO_SIZES = (b"zz", b"-1", b"", b"g5", b"f" * 32)
"""What no decoder may take for the size of a chunk (RFC 9112, section 7.1). Others, such as 0x5 or
5 with something behind it, are passed over by some."""


class Break:
    """A fault that is the end of a response, in two filters: ``before`` gives what comes before
    its place, ``then`` strikes when that was sent.

    Between them may stand whoever gathers pieces, and writes the last of them when there are no
    more.
    """

    __slots__ = ("_after", "_exchange", "_is_there", "_name", "_strike")

    def __init__(
        self, name: str, request: Request, after: Place, strike: Callable[[], Awaitable[None]]
    ) -> None:
        self._name = name
        self._exchange = request.exchange
        self._after = after
        self._strike = strike
        self._is_there = after == END

    def around(self, pieces: Pieces) -> Faulty:
        """Both filters, with nothing between them."""
        return self.then(self.before(pieces))

    async def before(self, pieces: Pieces) -> Faulty:
        """What comes before the place."""
        async with aclosing(parts(pieces, self._after)) as found:
            async for part in found:
                if part is None:
                    self._is_there = True
                    return
                yield part

    async def then(self, pieces: Pieces) -> Faulty:
        """All that comes, and the fault."""
        async with closing(pieces) as source:
            async for piece in source:
                yield piece
        exchange = self._exchange
        if self._is_there and exchange.outcome is None:
            note(exchange, f"{self._name}@{self._after}")
            exchange.flush_head()
            await self._strike()


def truncating(request: Request, after: Place = END) -> Break:
    """``truncate``, in two parts."""

    async def strike() -> None:
        request.exchange.cut(Outcome.TRUNCATED)

    return Break("truncate", request, after, strike)


def resetting(request: Request, after: Place = END) -> Break:
    """``rst``, in two parts."""

    async def strike() -> None:
        exchange = request.exchange
        await taken(exchange)  # a reset would take it back
        cut_off(exchange, reset=True)

    return Break("rst", request, after, strike)


def breaking_a_chunk(request: Request, after: Place = END, random: Random | None = None) -> Break:
    """``bad_chunk``, in two parts."""
    size = (random or Random()).choice(NO_SIZES)

    async def strike() -> None:
        exchange = request.exchange
        if exchange.is_chunked:
            exchange.write_chunks(size + b"\r\nbroken\r\n", 0)
        exchange.cut(Outcome.TRUNCATED)

    return Break("bad_chunk", request, after, strike)


def holding(request: Request, seconds: float = HELD) -> Break:
    """``unfinished``, in two parts."""

    async def strike() -> None:
        await asyncio.sleep(seconds)
        request.exchange.cut(Outcome.TRUNCATED)

    return Break("unfinished", request, END, strike)


def cut_off(exchange: Exchange, reset: bool) -> None:
    """Close or reset the connection, whatever the body's framing would ask for."""
    exchange.abandon(Outcome.TRUNCATED)
    exchange.connection.cut(reset)
