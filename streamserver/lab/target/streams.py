"""Streams: a request gives the options, a schedule and a format make the events, and the body
cuts them into chunks and writes.

    options -> events -> chunks -> faults -> writes
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import aclosing
from random import Random
from typing import NamedTuple

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.faults.filters import ErrorFormat, error_format
from streamserver.lab.faults.injection import inject
from streamserver.lab.target import boundaries, events, parameters
from streamserver.lab.target.events import MAX_PIECE, SECOND, EventFormat, Text
from streamserver.lab.target.pacing import YIELD_AFTER, Clock, Lateness
from streamserver.lab.target.parameters import StreamOptions, check_batch, read_options
from streamserver.wire.fields import UNBUFFERED
from streamserver.wire.sse import MEDIA_TYPE

OLD_REQUEST = "x-lab-request"
"""A field with the version of a request in HTTP/1.0, which a hop may have made of HTTP/1.1."""
_is_number = re.compile(r"[0-9]{1,7}").fullmatch


def add_streams(app: Router, lateness: Lateness) -> None:
    """``/sse``, ``/jsonl`` and ``/raw``."""

    def add(
        path: str,
        media_type: str,
        make_format: Callable[[StreamOptions], EventFormat],
        *names: str,
    ) -> None:
        async def stream(request: Request) -> Response:
            options = read_options(request, parameters.STREAM, names)
            first = _resumed_at(request.last_event_id) if media_type == MEDIA_TYPE else 0
            if first and first >= options.count:
                return Response(status=204)  # an EventSource then stops to reconnect
            render = make_format(options)
            return await stream_events(request, options, lateness, render, media_type, first=first)

        app.get(path)(stream)

    add("/sse", MEDIA_TYPE, events.sse_format, "stamps", "line_end")
    add("/jsonl", "application/jsonl", events.jsonl_format, "stamps")
    add("/raw", "application/octet-stream", events.raw_format)


class Source(NamedTuple):
    """The events of a stream, not yet cut into chunks and writes."""

    events: AsyncGenerator[bytes, None]
    media_type: str
    max_event_size: Callable[[], int]
    errors: ErrorFormat | None = None
    """How the stream reports an error in band; None: as its media type has it."""


async def stream_events(
    request: Request,
    options: StreamOptions,
    lateness: Lateness,
    render: EventFormat,
    media_type: str,
    errors: ErrorFormat | None = None,
    first: int = 0,
) -> Response:
    """A response with events of a format, from number ``first`` on; HTTPError 400 as
    ``stream_response``."""
    clock = Clock(request.exchange, lateness)
    made = _events(options, clock, render, first)
    source = Source(made, media_type, lambda: events.max_event_size(render, options), errors)
    return await stream_response(request, options, clock, source)


async def stream_response(
    request: Request, options: StreamOptions, clock: Clock, source: Source
) -> Response:
    """The response with the events of a source, after ``head_delay``.

    HTTPError 400 for a batch that is too large and for a fault that the stream cannot have.
    """
    if options.batch > 1 or options.write_events:
        check_batch(options, source.max_event_size())
    await wait_for_head(options, clock)
    headers = {**seed_field(options), **dict(UNBUFFERED), "content-type": source.media_type}
    if request.version == "1.0":
        headers[OLD_REQUEST] = "HTTP/1.0"
    return Response(_body(request, options, clock, source), headers=headers)


async def wait_for_head(options: StreamOptions, clock: Clock) -> None:
    """Wait until the head of the response is due, and count the events from then."""
    if options.head_delay:
        clock.start += round(options.head_delay * SECOND)
        await clock.wait_until(clock.start)


def seed_field(options: StreamOptions) -> dict[str, str]:
    """The field of a response with the seed that repeats it."""
    return {"x-lab-seed": str(options.seed)}


async def _events(
    options: StreamOptions, clock: Clock, render: EventFormat, first: int
) -> AsyncGenerator[bytes, None]:
    """Each event from ``first`` on when it is due, that one after ``first_byte_delay``; a large one
    in pieces."""
    text = Text(options.text, Random(f"text {options.seed}"))
    schedule = zip(events.due_times(options), events.sizes(options), strict=False)
    for seq, (offset, size) in enumerate(schedule):
        if seq < first:
            text.skip(size)
            if not seq % YIELD_AFTER:
                await clock.pacer.pause()
            continue
        if seq == first > 0 and offset is not None:
            clock.start -= offset - round(options.first_byte_delay * SECOND)
        begin, end = render(await clock.next_event(seq, offset))
        while size > MAX_PIECE:
            yield begin + text.take(MAX_PIECE)
            size -= MAX_PIECE
            begin = b""
        yield begin + text.take(size) + end


def _resumed_at(last_event_id: str | None) -> int:
    """The number of the event after the one with this id; 0 if there is none."""
    return int(last_event_id) + 1 if last_event_id and _is_number(last_event_id) else 0


def _body(
    request: Request, options: StreamOptions, clock: Clock, source: Source
) -> AsyncIterable[bytes]:
    """The events with the boundaries and the faults that are requested."""
    pieces = source.events
    errors = source.errors or error_format(source.media_type, options.line_end)
    in_writes = boundaries.is_cut_into_writes(options)
    if not in_writes and not boundaries.is_cut_into_chunks(options):
        return inject(request, pieces, clock.resume, errors)
    body = BoundedBody(request, options, clock, pieces)
    body.chunks = inject(request, body.chunks, clock.resume, errors)
    return body if in_writes else body.chunks


class BoundedBody:
    """A body whose chunks and writes begin and end where the options say.

    ``chunks`` are its chunks, which faults may be put into. To iterate over the body writes them;
    what that yields is empty, and makes the engine wait for a slow client.
    """

    __slots__ = ("_clock", "_exchange", "_gap", "_is_last", "_options", "chunks")

    def __init__(
        self,
        request: Request,
        options: StreamOptions,
        clock: Clock,
        events: AsyncGenerator[bytes, None],
    ) -> None:
        self._exchange = request.exchange
        self._options = options
        self._clock = clock
        self._gap = round(options.write_gap * SECOND)
        self._is_last = True  # of the chunks of a batch
        self.chunks = self._make_chunks(events)

    async def _make_chunks(
        self, events: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        batch: list[bytes] = []
        async with aclosing(events):
            async for event in events:
                batch.append(event)
                if len(batch) == self._options.batch:
                    for n, chunk in enumerate(self._chunks_of(batch), 1):
                        yield chunk
                        if not n % YIELD_AFTER:
                            await self._clock.pacer.pause()
                    batch = []
            for chunk in self._chunks_of(batch):
                yield chunk

    def _chunks_of(self, batch: list[bytes]) -> Iterator[bytes]:
        made = boundaries.chunks(batch, self._options)
        chunk = next(made, None)
        while chunk is not None:
            following = next(made, None)
            self._is_last = following is None
            yield chunk
            chunk = following

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._write_all()

    async def _write_all(self) -> AsyncGenerator[bytes, None]:
        clock, is_chunked = self._clock, self._exchange.is_chunked
        async with aclosing(self._groups()) as groups:
            clock.record_write(0, self._gap)
            await clock.next_write()  # the head leaves meanwhile, in a write of its own
            async for group in groups:
                for write in boundaries.writes(group, self._options, is_chunked):
                    await clock.next_write()
                    if self._write(write):
                        yield b""
                        clock.resume()
            await clock.next_write()  # the end of the body is a write of its own

    async def _groups(self) -> AsyncGenerator[list[bytes], None]:
        """Chunks that may share a write."""
        group: list[bytes] = []
        async with aclosing(self.chunks):
            async for chunk in self.chunks:
                group += [chunk] if chunk else []
                if not self._options.write_events or self._is_last:
                    yield group
                    group = []
        yield group  # not empty if a fault ended the body within a batch

    def _write(self, write: boundaries.Write) -> bool:
        """Write, and return whether the engine must wait for the client or see that it left."""
        exchange = self._exchange
        if exchange.is_chunked:
            exchange.write_chunks(write.data, write.size)
        else:
            exchange.write(write.data)
        self._clock.record_write(write.lasts, self._gap)
        return exchange.connection.paused or exchange.connection.transport.is_closing()
