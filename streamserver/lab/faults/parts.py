"""The pieces of a body, as faults look at them."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from streamserver.kit.service import close
from streamserver.lab.faults.places import END, Finder, Place
from streamserver.server.exchange import Exchange

Pieces = AsyncIterable[bytes]
Faulty = AsyncGenerator[bytes, None]


def note(exchange: Exchange, fault: str) -> None:
    """Have the access log tell that a fault has struck."""
    notes = dict(exchange.attributes)
    notes["fault"] = f"{notes['fault']},{fault}" if "fault" in notes else fault
    exchange.attributes = tuple(notes.items())


async def parts(pieces: Pieces, after: Place) -> AsyncGenerator[bytes | None, None]:
    """The pieces, and None at the place, before more is asked for."""
    finder, waits = Finder(after), True
    piece: bytes | None = b""
    async with closing(pieces) as source:
        while piece is not None:
            if waits:
                size = finder.feed(piece)
                if size:
                    yield piece[:size]
                piece = piece[size:]
                if finder.reached:
                    waits = False
                    yield None
            if piece:
                yield piece
            piece = await anext(source, None)
        if waits and after == END:
            yield None


@asynccontextmanager
async def closing(pieces: Pieces) -> AsyncIterator[AsyncIterator[bytes]]:
    """The iterator of the pieces, which is closed where it can be."""
    source = aiter(pieces)
    try:
        yield source
    finally:
        await close(source)
