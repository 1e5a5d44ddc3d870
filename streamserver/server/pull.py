"""A pulled body: ask the producer for a piece, write it, ask for the next one.

The first piece is written at once, and so is each piece for which the producer has waited. Pieces
that follow without a wait share a write, because a write for each would cost a system call here
and a wake-up at the client. Each piece stays a chunk of its own.

To know whether the producer waits, the loop below steps it by hand. Each step either raises
StopIteration with the piece, or returns the future that the producer waits for. Everything
that is held is written before that future reaches the event loop: nothing else runs in between.
"""

from collections.abc import AsyncIterator, Callable, Generator
from time import monotonic
from types import AsyncGeneratorType, coroutine
from typing import Any, NoReturn, TypeAlias

from streamserver.server.phase import STREAMING
from streamserver.server.writer import GATHER, Writer

Encode: TypeAlias = Callable[[Any], bytes] | None
Step: TypeAlias = Generator[Any, Any, Any]  # returns a piece
Steps: TypeAlias = Generator[Any, Any, NoReturn]  # StopAsyncIteration ends them

SLICE = 0.001
"""Seconds after which held pieces are written and other tasks run, although the producer does
not wait. A piece that takes longer to produce is thus written at once."""


@coroutine
def pull(writer: Writer, pieces: AsyncIterator[Any], encode: Encode) -> Steps:
    """Write each piece, until StopAsyncIteration; the last may be held for the next write."""
    connection, next_step = writer.connection, _stepper(pieces)
    write, hold = writer.write, writer.hold
    until = 0.0  # the end of the time slice, which begins with the first piece after a wait
    while True:
        step = next_step()
        try:
            awaited = step.send(None)
        except StopIteration as ready:
            piece = ready.value
        else:
            if writer.phase is not STREAMING:
                writer.flush_head()
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
            hold(piece)
            if writer.held_size >= GATHER:
                writer.release()
            if monotonic() >= until:
                writer.flush_head()
                yield
                until = monotonic() + SLICE
        if connection.paused:
            writer.release()
            yield from connection.until_drained().__await__()
            until = 0.0


def _stepper(pieces: AsyncIterator[Any]) -> Callable[[], Step]:
    """The function that begins the step to the next piece."""
    if isinstance(pieces, AsyncGeneratorType):
        return pieces.__anext__  # type: ignore[return-value]  # its awaitables are iterators
    return lambda: pieces.__anext__().__await__()


def _throw(step: Step, error: BaseException) -> Step:
    """Throw an error into a step that waits; the piece that it may yield all the same."""
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
