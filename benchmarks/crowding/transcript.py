"""What all streams of a feed must receive: the same events, in order, none of them twice.

All streams get the same bytes for an event, so an event is parsed when the first stream of a
process receives it. The streams after it compare bytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.client import WrongAnswer

_EVENT = re.compile(rb"id: ((\d+)-(\d+))\ndata: (\d+) (\d+) *\n\n").fullmatch
_RETRY = re.compile(rb"retry: (\d+)\n\n").fullmatch
_SIZE_DIGITS = 8
"""The most digits of the size of a chunk."""


def data_of(number: int, sent: int) -> str:
    """Return the data of event `number`, published at `sent` nanoseconds of CLOCK_MONOTONIC."""
    return f"{number} {sent}".ljust(50)


@dataclass(slots=True)
class Reading:
    """What a stream received: its next position, the bytes of an incomplete chunk, and the rest."""

    position: int
    rest: bytes = b""
    retry: float | None = None
    """The last reconnection time, in seconds."""
    has_ended: bool = False
    """Whether the last-chunk was received."""


@dataclass(slots=True)
class Transcript:
    """The events that were received so far, by their number, which begins at 0.

    `first_id` is the id of event 0, from which all streams resume, so none of them receives it.
    """

    first_id: str
    chunks: list[bytes] = field(default_factory=lambda: [b""])
    """Each event as one chunk, with its framing (RFC 9112, section 7.1)."""
    sent: list[int] = field(default_factory=lambda: [0])
    """When each was published, in nanoseconds of CLOCK_MONOTONIC."""
    _ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids.append(self.first_id)

    def id_before(self, position: int) -> str:
        """Return the Last-Event-ID of a stream whose next event is `position`."""
        return self._ids[position - 1]

    def read(self, position: int, data: bytes) -> Reading:
        """Read the bytes of a body whose next event is `position`.

        Raises `WrongAnswer` for an event that is lost, repeated or out of order, and for anything
        that a feed does not send.
        """
        reading = Reading(position)
        chunks, at = self.chunks, 0
        while at < len(data):
            if reading.position < len(chunks) and data.startswith(chunks[reading.position], at):
                at += len(chunks[reading.position])
                reading.position += 1
                continue
            size, line, _ = data[at : at + _SIZE_DIGITS + 2].partition(b"\r\n")
            if not line and len(size) <= _SIZE_DIGITS:
                break
            end = at + len(size) + 2 + _length(size) + 2
            if end > len(data):
                break
            self._read_chunk(reading, data[at:end], data[at + len(size) + 2 : end - 2])
            at = end
        reading.rest = data[at:]
        return reading

    def _read_chunk(self, reading: Reading, chunk: bytes, data: bytes) -> None:
        """Read a chunk that is not the next event, as far as that is known."""
        if chunk == b"0\r\n\r\n":
            reading.has_ended = True
        elif found := _EVENT(data):
            self._add(reading.position, chunk, found.groups())
            reading.position += 1
        elif found := _RETRY(data):
            reading.retry = int(found[1]) / 1000
        elif not data.startswith(b":"):
            raise WrongAnswer(f"event {reading.position} was expected, received: {data!r}")

    def _add(self, expected: int, chunk: bytes, found: Sequence[bytes]) -> None:
        number = int(found[3])
        if number != expected:
            fault = "repeated or out of order" if number < expected else "lost"
            event = number if number < expected else expected
            raise WrongAnswer(f"event {event} is {fault}: {expected} was expected, not {number}")
        if number < len(self.chunks):
            raise WrongAnswer(f"streams received different bytes for event {number}: {chunk!r}")
        before = tuple(map(int, self._ids[-1].split("-")))
        if (int(found[1]), int(found[2])) <= before:
            raise WrongAnswer(f"the id of event {number} is not above that of the one before it")
        self.chunks.append(chunk)
        self.sent.append(int(found[4]))
        self._ids.append(found[0].decode())


def _length(size: bytes) -> int:
    try:
        return int(size, 16)
    except ValueError:
        raise WrongAnswer(f"the size of a chunk was expected, received: {size!r}") from None
