"""Streams on command: from knobs to events, each when it is due, and from events to the wire."""

from collections.abc import AsyncGenerator, Callable, Iterator
from random import Random
from typing import NamedTuple

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.faults.inband import EVENT_STREAMS, JSON_LINES, InBand
from streamserver.lab.target import forms
from streamserver.lab.target.clock import Clock
from streamserver.lab.target.commands import read
from streamserver.lab.target.cutting import bounded
from streamserver.lab.target.forms import Form
from streamserver.lab.target.knobs import EVENTS, SIZES, START, WIRE, Knobs
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.limits import check, check_together
from streamserver.lab.target.schedule import SECOND, due_times, sizes
from streamserver.lab.target.text import PIECE, Text
from streamserver.wire.fields import UNBUFFERED

STREAM = (*START, *EVENTS, *SIZES, *WIRE)
"""What every stream can be commanded."""


def add_streams(app: Router, lateness: Lateness) -> None:
    """``/sse``, ``/jsonl`` and ``/raw``."""

    def add(
        path: str,
        media: str,
        form: Callable[[Knobs], Form],
        in_band: Callable[[Knobs], InBand | None],
        *names: str,
    ) -> None:
        async def stream(request: Request) -> Response:
            commanded = read(request, STREAM, names)
            clock = Clock(request.exchange, lateness)
            stream = streamed(commanded, clock, form(commanded), media, in_band(commanded))
            return await flowing(request, commanded, clock, stream)

        app.get(path)(stream)

    add("/sse", "text/event-stream", forms.sse, _errors, "stamps", "line_end")
    add("/jsonl", "application/jsonl", forms.jsonl, lambda commanded: JSON_LINES, "stamps")
    add("/raw", "application/octet-stream", forms.raw, lambda commanded: None)


def _errors(commanded: Knobs) -> InBand:
    """How an event stream reports an error, with the line ends that are commanded."""
    return EVENT_STREAMS[commanded.line_end]


class Streamed(NamedTuple):
    """A stream of events that is not yet cut into chunks and writes."""

    pieces: AsyncGenerator[bytes, None]
    media: str
    largest: Callable[[], int]
    """Bytes that an event may have."""
    in_band: InBand | None = None
    """How the stream reports an error; None if it cannot."""


def streamed(
    commanded: Knobs, clock: Clock, form: Form, media: str, in_band: InBand | None = None
) -> Streamed:
    """The events of a form."""
    pieces = events(commanded, clock, form)
    return Streamed(pieces, media, lambda: forms.largest(form, commanded), in_band)


async def flowing(
    request: Request, commanded: Knobs, clock: Clock, stream: Streamed
) -> Response:
    """The response whose body is this stream, after ``head_delay``; the clock starts anew with
    its head. HTTPError 400 as ``check``, ``check_together`` and ``in_stream`` raise it."""
    check(commanded)
    if commanded.together > 1 or commanded.write_events:
        check_together(commanded, stream.largest())
    await head(commanded, clock)
    body = bounded(request, commanded, clock, stream.pieces, stream.in_band)
    headers = {**told(commanded), **dict(UNBUFFERED), "content-type": stream.media}
    return Response(body, headers=headers)


async def head(commanded: Knobs, clock: Clock) -> None:
    """Wait until the head of a response is due; offsets count from then."""
    if commanded.head_delay:
        clock.begin += round(commanded.head_delay * SECOND)
        await clock.reach(clock.begin)


def told(commanded: Knobs) -> dict[str, str]:
    """Fields of a response: what it takes to have the same again."""
    return {"x-lab-seed": str(commanded.seed)}


async def events(commanded: Knobs, clock: Clock, form: Form) -> AsyncGenerator[bytes, None]:
    """The events of a stream, each when it is due, in one piece if it is not a large one."""
    text = Text(commanded.text, Random(f"text {commanded.seed}"))
    for seq, (offset, size) in enumerate(zip(due_times(commanded), sizes(commanded), strict=False)):
        begin, end = form(await clock.event(seq, offset))
        if size <= PIECE:
            yield begin + text.take(size) + end
        else:
            for piece in _large(begin, text.pieces(size), end):
                yield piece


def _large(begin: bytes, pieces: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    last = begin + next(pieces)
    for piece in pieces:
        yield last
        last = piece
    yield last + end
