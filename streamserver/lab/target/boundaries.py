r"""The boundaries of chunks and writes, which are independent of those of events.

    events         data: a\n\n              data: b\n\n
    chunks         9\r\ndata: a\n\n\r\n     9\r\ndata: b\n\n\r\n
    writes         9\r     \ndata: a\n\n\r\n9\r     \ndata: b\n\n\r\n

Events are joined or cut into chunks, chunks are framed, and frames are joined or cut into writes.
A client must read the same events for all boundaries.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streamserver.lab.target.events import SECOND
from streamserver.lab.target.parameters import StreamOptions
from streamserver.wire.chunked import encode

PER_SECOND = 20
"""The number of writes per second where bandwidth is limited."""

_long_character = re.compile(rb"[\xc0-\xff]").search


class Write(NamedTuple):
    """Bytes that are written in one call."""

    data: bytes
    """Framing included."""
    size: int
    """Bytes of the body that are counted with this write: all bytes of a cut frame count with its
    first part."""
    lasts: int
    """The nanoseconds that the write takes where bandwidth is limited."""


def is_cut_into_chunks(options: StreamOptions) -> bool:
    """Whether chunks differ from events."""
    return bool(options.chunk_events > 1 or options.chunk_size or options.chunk_split != "none")


def is_cut_into_writes(options: StreamOptions) -> bool:
    """Whether writes differ from chunks, or are delayed."""
    return bool(
        options.write_events
        or options.write_size
        or options.write_split != "none"
        or options.write_gap
        or options.bandwidth
    )


def chunks(events: Sequence[bytes], options: StreamOptions) -> Iterator[bytes]:
    """Events as chunks."""
    number, where = options.chunk_events, options.chunk_split
    for at in range(0, len(events), number):
        joined = events[at : at + number]
        for part in _parts((event, _place(event, where)) for event in joined):
            yield from _slices(part, options.chunk_size)


def writes(chunks: Sequence[bytes], options: StreamOptions, framed: bool) -> Iterator[Write]:
    """The writes that send ``chunks``, which are those of events that leave together.

    ``framed``: whether the chunked coding applies; HTTP/1.0 has none.
    """
    joined = [chunks] if options.write_events and chunks else [[chunk] for chunk in chunks]
    limits = [options.write_size, -(-options.bandwidth // PER_SECOND)]
    limit = min(filter(None, limits), default=0)
    for some in joined:
        if options.write_split == "none":
            parts = [b"".join(map(encode, some) if framed else some)]
        else:
            parts = [*_parts(_framed(chunk, options.write_split, framed) for chunk in some)]
        size = sum(map(len, some))
        lasts = size * SECOND / options.bandwidth if options.bandwidth else 0.0
        share = lasts / sum(map(len, parts))
        counted = size
        for data in (slice for part in parts for slice in _slices(part, limit)):
            yield Write(data, counted, round(len(data) * share))
            counted = 0


def _framed(chunk: bytes, where: str, framed: bool) -> tuple[bytes, int]:
    """A chunk as it is sent, and the place to cut it."""
    frame = encode(chunk) if framed else chunk
    size_line = frame.index(b"\r\n") + 2 if framed else 0
    if where == "framing":
        return frame, max(size_line - 1, 0)
    place = _place(chunk, where)
    return frame, place and size_line + place


def _place(data: bytes, where: str) -> int:
    """The offset to cut ``data`` at; 0: do not cut."""
    match where:
        case "event":
            return len(data) // 2
        case "character":
            found = _long_character(data)
            return found.end() if found else 0
        case "crlf":
            return data.find(b"\r\n") + 1
    return 0


def _parts(some: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
    """Join data, and cut it at the places."""
    held: list[bytes] = []  # joined once, since repeated concatenation takes quadratic time
    for data, place in some:
        if place:
            yield b"".join([*held, data[:place]])
            held = [data[place:]]
        else:
            held.append(data)
    if rest := b"".join(held):
        yield rest


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    """Data in parts of ``size`` bytes; 0: in one part."""
    if not size or len(data) <= size:
        yield data
    else:
        yield from (data[at : at + size] for at in range(0, len(data), size))
