"""A pulled body: the producer is asked for a piece, the piece is written, the next one asked for.

A producer that waits, for a token or for a clock, sees each piece leave first. For one that does
not wait, a write for each piece would cost a system call here and a wake-up at the client. So the
first piece leaves at once, and those that follow without a wait share a write; each stays a chunk.

The producer is stepped by hand, since only this shows whether it waits. What ``__anext__`` returns
either raises StopIteration with the piece, or yields the future that the producer waits for. Before
that future reaches the event loop all pieces are written: nothing else runs in between.
"""

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from time import monotonic
from types import AsyncGeneratorType, coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

from streamserver.server.answer import Answer
from streamserver.server.writer import GATHER

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange

Step: TypeAlias = Generator[Any, Any, Any]

SLICE = 0.001
"""Seconds for which a producer that does not wait may run before its pieces leave and other tasks
run. So a piece that takes longer to produce leaves at once."""


async def pull(exchange: "Exchange", answer: Answer) -> None:
    """Send the pieces of an async iterable, and close it in any case; the last pieces may be held
    for the write that ends the body."""
    # The iterator is what must be closed: not every iterable is its own.
    pieces = aiter(answer.body)
    try:
        if exchange.begin(answer):
            with suppress(StopAsyncIteration):
                await _send(exchange, pieces, answer.encode)
    finally:
        # In this task and now: the garbage collector would do it later, in another context.
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()


@coroutine
def _send(
    exchange: "Exchange", pieces: AsyncIterator[Any], encode: Callable[[Any], bytes] | None
) -> Generator[Any, Any, NoReturn]:
    """Write each piece; StopAsyncIteration when the producer has ended."""
    connection, next_step, write = exchange.connection, _steps(pieces), exchange.write
    until = 0.0  # when other tasks run; 0 until a piece was written since the producer waited
    while True:
        step = next_step()
        try:
            awaited = step.send(None)
        except StopIteration as ready:
            piece = ready.value
        else:
            if exchange.held_size:
                exchange.release()
            until = 0.0
            try:
                yield awaited
            except BaseException as error:
                piece = yield from _throw(step, error)
            else:
                piece = yield from step
        if encode is not None:
            piece = encode(piece)
        if not until:
            write(piece)
            until = monotonic() + SLICE
        else:
            write(piece, held=True)
            is_late = monotonic() >= until
            if is_late or exchange.held_size >= GATHER:
                exchange.release()
            if is_late:
                yield
                until = monotonic() + SLICE
        if connection.paused:
            exchange.release()
            yield from connection.drained().__await__()
            until = 0.0


def _steps(pieces: AsyncIterator[Any]) -> Callable[[], Step]:
    """What begins the step to the next piece."""
    if isinstance(pieces, AsyncGeneratorType):
        return cast(Callable[[], Step], pieces.__anext__)  # its awaitables are iterators
    return lambda: pieces.__anext__().__await__()


def _throw(step: Step, error: BaseException) -> Step:
    """Throw an error into a step that waits; the piece that it then yields all the same."""
    while True:
        try:
            awaited = step.throw(error)
        except StopIteration as ready:
            return ready.value
        try:
            yield awaited
        except BaseException as another:
            error = another
        else:
            return (yield from step)
