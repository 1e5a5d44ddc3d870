"""From events to the wire with boundaries of its own.

It has two stages, and whoever would break the stream stands between them: ``Cut.pieces`` are the
chunks of the body, around which filters may be put; to iterate over the whole writes them.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing

from streamserver.kit.request import Request
from streamserver.lab.faults.applying import in_stream
from streamserver.lab.faults.inband import InBand
from streamserver.lab.target.boundaries import (
    Write,
    chunks,
    is_cut_into_chunks,
    is_cut_into_writes,
    writes,
)
from streamserver.lab.target.clock import TURN, Clock
from streamserver.lab.target.knobs import Knobs
from streamserver.lab.target.schedule import SECOND
from streamserver.server.exchange import Exchange


def bounded(
    request: Request,
    commanded: Knobs,
    clock: Clock,
    events: AsyncGenerator[bytes, None],
    in_band: InBand | None,
) -> AsyncIterable[bytes]:
    """The events as a body with the boundaries and the faults that are commanded."""
    in_writes = is_cut_into_writes(commanded)
    if not in_writes and not is_cut_into_chunks(commanded):
        return in_stream(request, events, clock.make_room, in_band)
    cut = Cut(request.exchange, commanded, clock, events)
    cut.pieces = in_stream(request, cut.pieces, clock.make_room, in_band)
    return cut if in_writes else cut.pieces


class Cut:
    """A body whose chunks and writes begin and end where it is commanded.

    It writes by itself. What it yields is empty: the engine then waits for a client that is slow.
    """

    __slots__ = ("_clock", "_commanded", "_exchange", "_follows", "_gap", "pieces")

    def __init__(
        self,
        exchange: Exchange,
        commanded: Knobs,
        clock: Clock,
        events: AsyncGenerator[bytes, None],
    ) -> None:
        self._exchange = exchange
        self._commanded = commanded
        self._clock = clock
        self._follows = False
        self._gap = round(commanded.write_gap * SECOND)
        self.pieces = self._chunks(events)

    async def _chunks(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            held: list[bytes] = []
            async for event in events:
                held.append(event)
                if len(held) < self._commanded.together:
                    continue
                for n, piece in enumerate(self._cut(held), 1):
                    yield piece
                    if not n % TURN:
                        await self._clock.turn()
                held = []
            for piece in self._cut(held):
                yield piece

    def _cut(self, events: list[bytes]) -> Iterator[bytes]:
        """The chunks of events that leave together; of each it is known whether another follows."""
        cut = chunks(events, self._commanded)
        piece = next(cut, None)
        while piece is not None:
            following = next(cut, None)
            self._follows = following is not None
            yield piece
            piece = following

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._writes()

    async def _writes(self) -> AsyncGenerator[bytes, None]:
        clock, exchange = self._clock, self._exchange
        async with aclosing(self._groups()) as groups:
            clock.wrote(0, self._gap)
            await clock.may_write()  # in which the head leaves, in a write of its own, too
            async for pieces in groups:
                for write in writes(pieces, self._commanded, exchange.is_chunked):
                    await clock.may_write()
                    if self._write(write):
                        yield b""
                        clock.make_room()
            await clock.may_write()  # so that the end of the body is a write of its own

    async def _groups(self) -> AsyncGenerator[list[bytes], None]:
        """Chunks that may leave in one write."""
        async with aclosing(self.pieces):
            held: list[bytes] = []
            async for piece in self.pieces:
                held += [piece] if piece else []
                if not self._commanded.write_events or not self._follows:
                    yield held
                    held = []
            yield held  # where a filter has ended the body in the middle

    def _write(self, write: Write) -> bool:
        """Whether the engine must wait for the client, or look whether it is still there."""
        exchange = self._exchange
        if exchange.is_chunked:
            exchange.write_chunks(write.data, write.size)
        else:
            exchange.write(write.data)
        self._clock.wrote(write.lasts, self._gap)
        return exchange.connection.paused or exchange.connection.transport.is_closing()
