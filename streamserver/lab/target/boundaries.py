r"""Where chunks and writes begin and end, apart from where events do: pure.

    events         data: a\n\n              data: b\n\n
    chunks         9\r\ndata: a\n\n\r\n     9\r\ndata: b\n\n\r\n
    writes         9\r     \ndata: a\n\n\r\n9\r     \ndata: b\n\n\r\n

First events are joined or cut into chunks, then chunks are framed, then what is framed is joined or
cut into writes. A client must find the same events in it, whatever these boundaries are.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streamserver.lab.target.events import SECOND
from streamserver.lab.target.parameters import StreamOptions
from streamserver.wire.chunked import encode

PER_SECOND = 20
"""Writes into which a second of limited bandwidth is cut."""

_long_character = re.compile(rb"[\xc0-\xff]").search


class Write(NamedTuple):
    """Bytes that leave together."""

    data: bytes
    """With their framing, if there is one."""
    size: int
    """Bytes of the body that are counted with it: of what was cut, all with its first part."""
    lasts: int
    """Nanoseconds that it takes where bandwidth is limited."""


def is_cut_into_chunks(commanded: StreamOptions) -> bool:
    """Whether a chunk is another thing than an event."""
    return bool(
        commanded.chunk_events > 1 or commanded.chunk_size or commanded.chunk_split != "none"
    )


def is_cut_into_writes(commanded: StreamOptions) -> bool:
    """Whether a write is another thing than a chunk, or may have to wait."""
    return bool(
        commanded.write_events
        or commanded.write_size
        or commanded.write_split != "none"
        or commanded.write_gap
        or commanded.bandwidth
    )


def chunks(events: Sequence[bytes], commanded: StreamOptions) -> Iterator[bytes]:
    """Events as chunks."""
    number, where = commanded.chunk_events, commanded.chunk_split
    for at in range(0, len(events), number):
        joined = events[at : at + number]
        for part in _parts((event, _place(event, where)) for event in joined):
            yield from _slices(part, commanded.chunk_size)


def writes(chunks: Sequence[bytes], commanded: StreamOptions, framed: bool) -> Iterator[Write]:
    """Chunks, those of as many events as leave together, as writes.

    ``framed``: with their framing; a client of HTTP/1.0 gets what is in them alone.
    """
    joined = [chunks] if commanded.write_events and chunks else [[chunk] for chunk in chunks]
    limits = [commanded.write_size, -(-commanded.bandwidth // PER_SECOND)]
    limit = min(filter(None, limits), default=0)
    for some in joined:
        if commanded.write_split == "none":
            parts = [b"".join(map(encode, some) if framed else some)]
        else:
            parts = [*_parts(_framed(chunk, commanded.write_split, framed) for chunk in some)]
        size = sum(map(len, some))
        lasts = size * SECOND / commanded.bandwidth if commanded.bandwidth else 0.0
        share = lasts / sum(map(len, parts))
        counted = size
        for data in (slice for part in parts for slice in _slices(part, limit)):
            yield Write(data, counted, round(len(data) * share))
            counted = 0


def _framed(chunk: bytes, where: str, framed: bool) -> tuple[bytes, int]:
    """A chunk as it is sent, and the place in that."""
    frame = encode(chunk) if framed else chunk
    size_line = frame.index(b"\r\n") + 2 if framed else 0
    if where == "framing":
        return frame, max(size_line - 1, 0)
    place = _place(chunk, where)
    return frame, place and size_line + place


def _place(data: bytes, where: str) -> int:
    """Where data shall be cut; 0: not at all."""
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
    """What lies between the cuts of data that is joined."""
    held: list[bytes] = []  # joined once: to add each to the rest costs the square of their number
    for data, place in some:
        if place:
            yield b"".join([*held, data[:place]])
            held = [data[place:]]
        else:
            held.append(data)
    if rest := b"".join(held):
        yield rest


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    """Data in parts of so many bytes; 0: in one."""
    if not size or len(data) <= size:
        yield data
    else:
        yield from (data[at : at + size] for at in range(0, len(data), size))
