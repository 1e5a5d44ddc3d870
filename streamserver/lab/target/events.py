"""The events of a stream: their times, sizes, text and formats.

The same seed and parameters give the same events. The gaps, the sizes and the text have random
numbers of their own, so one parameter never changes what another selects.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice, repeat
from math import ceil
from random import Random
from time import time_ns
from typing import NamedTuple

from streamserver.lab.stamps import write_stamp
from streamserver.lab.target.distributions import factors, max_factor
from streamserver.lab.target.parameters import StreamOptions

SECOND = 1_000_000_000
"""Nanoseconds."""

Offset = int | None
"""Nanoseconds from the head of a stream to an event; None for an event that is due as soon as it
can be written, and so is never late."""


class EventTime(NamedTuple):
    """The number of an event and its times, in ns of ``time.monotonic_ns``."""

    seq: int
    due: int
    """As requested, or later if bandwidth, a gap between writes or the client allowed no write."""
    sent: int


# Times


def due_times(options: StreamOptions) -> Iterator[Offset]:
    """When each event is due, in order."""
    times = offsets(options, options.first_byte_delay, options.gap, options.count)
    return due_together(times, options.batch)


def offsets(options: StreamOptions, first: float, gap: float, count: int) -> Iterator[Offset]:
    """When each of ``count`` events is due: the first after ``first`` seconds, the others ``gap``
    seconds apart on average, with the jitter and bursts of the options.

    Without a gap only the first has a time of its own. Each sum is rounded, not each gap, so the
    times do not drift.
    """
    draw = factors(options.jitter, options.spread, f"gaps {options.seed}")
    burst = options.burst
    deviation = 0.0
    for seq in range(count):
        if seq and seq % burst == 0:
            deviation += (next(draw) - 1) * gap * burst
        at = first + seq // burst * burst * gap + deviation
        yield round(at * SECOND) if gap or not seq else None


def due_together(times: Iterator[Offset], batch: int) -> Iterator[Offset]:
    """The same times where events leave in batches: a batch is due when its last event is."""
    return times if batch == 1 else _last_of_each(times, batch)


def _last_of_each(times: Iterator[Offset], batch: int) -> Iterator[Offset]:
    while some := list(islice(times, batch)):
        yield from [some[0] if some[-1] is None else some[-1]] * len(some)


# Sizes and text


def sizes(options: StreamOptions) -> Iterator[int]:
    """Bytes of text of each event, without end."""
    if options.size_jitter == "none":
        return repeat(options.size)
    draw = factors(options.size_jitter, options.size_spread, f"sizes {options.seed}")
    return (round(options.size * factor) for factor in draw)


MAX_PIECE = 32_760
"""Bytes of text that are made at once; a multiple of `_GROUP`."""
_GROUP = 10
_GROUPS = 6553
"""In a ring."""
_ASCII = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
_CHARACTERS = (_ASCII, "éüñøß", "流れ→✓“", "🌊🦦📖🚲🎈")
"""Of one byte to four. None of them has a meaning in JSON or in an event stream."""


class Text:
    """Text of any number of bytes, which end with a whole character.

    It is cut from a ring of random characters: to draw each one would take longer than to send it.
    """

    __slots__ = ("_random", "_rests", "_ring")

    def __init__(self, name: str, random: Random) -> None:
        self._ring, self._rests = _ring(name)
        self._random = random.random

    def skip(self, size: int) -> None:
        """Pass over the text of an event of ``size`` bytes."""
        for _ in range(max(ceil(size / MAX_PIECE), 1)):
            self._random()

    def take(self, size: int) -> bytes:
        """Text of ``size`` bytes, at most ``MAX_PIECE``."""
        begin = int(self._random() * _GROUPS) * _GROUP
        groups, rest = divmod(size, _GROUP)
        return self._ring[begin : begin + groups * _GROUP] + self._rests[rest]


@cache  # it takes 10 ms, and most programs need none
def _ring(name: str) -> tuple[bytes, list[bytes]]:
    """The ring, with its beginning behind its end, and what fills 0 to 9 bytes after groups."""
    random = Random(name)
    if name == "ascii":
        ring = "".join(random.choices(_ASCII, k=_GROUPS * _GROUP)).encode()
        rests = [ring[:size] for size in range(_GROUP)]
    else:
        ring = "".join(random.choice(ks) for _ in range(_GROUPS) for ks in _CHARACTERS).encode()
        one, two, three, four = (ks[0].encode() for ks in _CHARACTERS)
        rests = [b"", one, two, three, four, four + one, four + two, four + three, 2 * four]
        rests.append(2 * four + one)
    return ring + ring[:MAX_PIECE], rests


# Formats

EventFormat = Callable[[EventTime], tuple[bytes, bytes]]
"""What stands before the text of an event and behind it. A stamp has a fixed width, so the size of
an event is known before it is made."""

_LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def sse_format(options: StreamOptions) -> EventFormat:
    """Events of an event stream."""
    stamps, end = options.stamps, _LINE_ENDS[options.line_end]
    last = f'"}}{end}{end}'.encode()

    def render(event: EventTime) -> tuple[bytes, bytes]:
        return f'id: {event.seq}{end}data: {_members(event, stamps)},"text":"'.encode(), last

    return render


def jsonl_format(options: StreamOptions) -> EventFormat:
    """Lines of JSON."""
    return lambda event: (f'{_members(event, options.stamps)},"text":"'.encode(), b'"}\n')


def raw_format(options: StreamOptions) -> EventFormat:
    """The text alone."""
    return lambda event: (b"", b"")


def max_event_size(render: EventFormat, options: StreamOptions) -> int:
    """Bytes of the largest event that the format can give."""
    begin, end = render(EventTime(options.count, 0, 0))
    return len(begin) + ceil(options.size * max_factor(options.size_jitter)) + len(end)


def _members(event: EventTime, stamps: bool) -> str:
    """The beginning of the JSON object of an event."""
    seq, due, sent = event
    return "{" + (write_stamp(seq, due, sent, time_ns()) if stamps else f'"seq":{seq}')
