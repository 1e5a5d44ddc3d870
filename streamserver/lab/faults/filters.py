"""Each fault: those within a body are filters of its pieces, the others end the response.

A position is counted in what a filter receives, which includes the garbage of the filters inside
it. The fault takes effect when the position is reached, before the next piece is requested.

An error in band is how a stream reports a failure after its head has signalled success. The body
ends properly behind it, so a client that does not read the events takes the response for complete.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from random import Random

from streamserver.lab.faults.grammar import MAX_SECONDS, Fault, Position, PositionFinder, refusal
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.fields import media_type
from streamserver.wire.sse import Event, encode

Pieces = AsyncGenerator[bytes, None]

GARBAGE = 16
"""Bytes of garbage by default."""
LATE = 1.0
"""Seconds by which a close is late by default."""
LOOK = 1.0
"""Seconds between two checks whether the client has left, while a close is late."""
POLL = 0.001
"""Seconds between two checks whether all was acknowledged."""
INVALID_SIZES = (b"zz", b"-1", b"", b"g5", b"f" * 32)
"""Chunk sizes that no decoder may accept (RFC 9112, section 7.1); some accept 0x5 and the like."""
_ONE_LINE = bytes(0 if number in b"\r\n" else number for number in range(256))
MESSAGE = "this error was requested"


# Errors in band


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """How a stream reports an error, and where its events end."""

    render: Callable[[str], bytes]
    """The error as a service sends it, with what follows it; of "" the default service. It is
    called where the error is due, since an event may have its number in the stream."""
    event_end: bytes = b"\n\n"
    """It precedes an error within an event."""
    services: tuple[str, ...] = ()

    def check(self, service: str) -> None:
        """HTTPError 400 for an unknown service."""
        if service and service not in self.services:
            names = ", ".join(self.services)
            allowed = f"one of {names}" if names else "omitted: this stream has one form of error"
            raise refusal("fault error:SERVICE", allowed, service)

    def locate(self, position: Position) -> Position:
        """The position in this stream: in JSON lines, each line is an event."""
        return replace(position, in_json_lines=self.event_end == b"\n")


def _event_stream(line_end: bytes) -> ErrorFormat:
    """Events of the type ``error``, as browsers dispatch it."""
    error = {"type": "server_error", "message": MESSAGE}
    event = encode(Event({"error": error}, event="error")).replace(b"\n", line_end)
    return ErrorFormat(lambda service: event, 2 * line_end)


_EVENT_STREAMS = {
    name: _event_stream(end) for name, end in (("lf", b"\n"), ("crlf", b"\r\n"), ("cr", b"\r"))
}
JSON_LINE_ERRORS = ErrorFormat(lambda service: b'{"error":"%b"}\n' % MESSAGE.encode(), b"\n")
"""A last line with the error alone, as Ollama sends it."""
_JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/ndjson")


def error_format(content_type: str | None, line_end: str = "lf") -> ErrorFormat | None:
    """How a stream of a media type reports an error; None if it has no events."""
    kind = media_type(content_type)
    if kind == "text/event-stream":
        return _EVENT_STREAMS[line_end]
    return JSON_LINE_ERRORS if kind in _JSON_LINES else None


# Within the body


def note(exchange: Exchange, fault: str) -> None:
    """Add a fault that took effect to the line of the access log."""
    attributes = dict(exchange.attributes)
    attributes["fault"] = f"{attributes['fault']},{fault}" if "fault" in attributes else fault
    exchange.attributes = tuple(attributes.items())


async def split(pieces: Pieces, position: Position) -> AsyncGenerator[bytes | None, None]:
    """The pieces, and None at the position, before the next piece is requested."""
    finder, is_found = PositionFinder(position), False
    piece: bytes | None = b""  # the position may be the beginning
    async with aclosing(pieces):
        while piece is not None:
            if not is_found:
                size = finder.feed(piece)
                if size:
                    yield piece[:size]
                piece = piece[size:]
                if finder.is_reached:
                    is_found = True
                    yield None
            if piece:
                yield piece
            piece = await anext(pieces, None)
        if position.unit == "end":
            yield None


def stall(
    pieces: Pieces, exchange: Exchange, fault: Fault, on_resume: Callable[[], object] | None
) -> Pieces:
    """Send nothing for some seconds; without a value until the client leaves, at most for
    ``MAX_SECONDS``, and then cut the response. ``on_resume`` is called after the wait."""

    async def wait() -> bytes:
        await asyncio.sleep(MAX_SECONDS if fault.value is None else fault.value)
        if fault.value is None:
            exchange.cut(Outcome.TRUNCATED)
        if on_resume is not None:
            on_resume()
        return b""

    return _insert(pieces, exchange, fault, wait)


def garbage(pieces: Pieces, exchange: Exchange, fault: Fault, random: Random) -> Pieces:
    """Insert bytes that are no text, and an empty line. A client should ignore them if they are
    between two events."""
    size = GARBAGE if fault.value is None else int(fault.value)
    # UTF-8 never has the first byte: this is no field, no comment and no line end.
    data = b"\xff" + random.randbytes(size - 1).translate(_ONE_LINE) + b"\n\n"

    async def make() -> bytes:
        return data

    return _insert(pieces, exchange, fault, make)


async def _insert(
    pieces: Pieces, exchange: Exchange, fault: Fault, make: Callable[[], Awaitable[bytes]]
) -> Pieces:
    async with aclosing(split(pieces, fault.position)) as parts:
        async for part in parts:
            if part is None:
                note(exchange, f"{fault.name}@{fault.position}")
                part = await make()
            if exchange.outcome is not None:
                return
            yield part


async def error(pieces: Pieces, exchange: Exchange, fault: Fault, errors: ErrorFormat) -> Pieces:
    """Report an error in band, and end the body properly. Within an event the event ends first."""
    tail, end = b"", errors.event_end
    async with aclosing(split(pieces, fault.position)) as parts:
        async for part in parts:
            if exchange.outcome is not None:
                return
            if part is None:
                note(exchange, f"{fault.name}@{fault.position}")
                data = errors.render(fault.service)
                yield data if tail in (b"", end) else end + data
                return
            tail = (tail + part)[-len(end) :]
            yield part


# The end of the response


async def finish(exchange: Exchange, fault: Fault, random: Random, length: int) -> None:
    """End a response as the fault has it, after all pieces before it were written. ``length``:
    the Content-Length that the response has, if the fault is about that."""
    if fault.name.startswith("length"):
        if exchange.bytes_sent != length:
            note(exchange, f"length:{length}")
            exchange.flush_head()
            cut_connection(exchange, reset=False)
        return
    seconds = LATE if fault.value is None else fault.value
    is_late = fault.name == "slow_close"
    note(exchange, f"slow_close:{seconds:g}" if is_late else f"{fault.name}@{fault.position}")
    exchange.flush_head()
    match fault.name:
        case "slow_close":
            return _close_later(exchange, seconds)
        case "rst":
            await wait_until_acknowledged(exchange)
            return cut_connection(exchange, reset=True)
        case "bad_chunk" if exchange.is_chunked:
            exchange.write_chunks(random.choice(INVALID_SIZES) + b"\r\nbroken\r\n", 0)
        case "unfinished":
            await asyncio.sleep(MAX_SECONDS if fault.value is None else fault.value)
    exchange.cut(Outcome.TRUNCATED)


def cut_connection(exchange: Exchange, reset: bool) -> None:
    """Close or reset the connection. The framing of the body has no influence on this."""
    exchange.abandon(Outcome.TRUNCATED)
    exchange.connection.cut(reset)


async def wait_until_acknowledged(exchange: Exchange) -> None:
    """Wait until the client's system has all that was written, at most for ``write_timeout``.

    A reset discards the rest, of the kernel's buffer too. No event reports it, so this polls.
    """
    connection, loop = exchange.connection, exchange.server.loop
    limit = loop.time() + exchange.server.settings.write_timeout
    while connection.count_untaken() and not connection.transport.is_closing():
        if loop.time() > limit:
            break
        await asyncio.sleep(POLL)


def _close_later(exchange: Exchange, seconds: float) -> None:
    if exchange.is_chunked:
        exchange.write_chunks(LAST_CHUNK, 0)
    # The exchange is complete: a client that leaves from now on misses nothing.
    exchange.abandon(Outcome.COMPLETE)
    _wait_and_close(exchange, seconds)


def _wait_and_close(exchange: Exchange, seconds: float) -> None:
    connection = exchange.connection
    if seconds <= 0 or connection.transport.is_closing():
        connection.exchange_ended(False)
    else:
        wait = min(seconds, LOOK)
        connection.loop.call_later(wait, _wait_and_close, exchange, seconds - wait)
