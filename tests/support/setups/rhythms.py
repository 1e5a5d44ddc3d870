"""Rhythms of healthy producers: what an inspection must not take for a fault.

The pieces are written as they come; those without a pause between them may share reads.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

Pause = float
Rhythm = Callable[[], Iterator[bytes | Pause]]


def event(n: int, size: int = 12) -> bytes:
    return b'data: {"n":%d,"text":"%s"}\n\n' % (n, b"x" * size)


def ticks() -> Iterator[bytes | Pause]:
    for n in range(16):
        yield event(n)
        yield 0.08


def bursts() -> Iterator[bytes | Pause]:
    """A model that has several tokens at once."""
    for n in range(30):
        yield event(n)
        if n % 6 == 5:
            yield 0.3


def joined() -> Iterator[bytes | Pause]:
    """The same, written at once."""
    for n in range(0, 30, 6):
        yield b"".join(map(event, range(n, n + 6)))
        yield 0.3


def burst_then_silence() -> Iterator[bytes | Pause]:
    yield from map(event, range(50))
    yield 1.2


def silence_then_burst() -> Iterator[bytes | Pause]:
    """A model that thinks for a while, and answers at once."""
    yield 1.2
    yield from map(event, range(50))


def silence_then_ticks() -> Iterator[bytes | Pause]:
    yield 0.8
    yield from ticks()


def fast() -> Iterator[bytes | Pause]:
    for n in range(3000):
        yield event(n, 100)
        if n % 50 == 0:
            yield 0.0


def faster_than_its_reader() -> Iterator[bytes | Pause]:
    for n in range(200):
        yield event(n, 20_000)


def one_big_first() -> Iterator[bytes | Pause]:
    yield event(0, 300_000)
    yield 0.1
    yield from ticks()


def big() -> Iterator[bytes | Pause]:
    for n in range(6):
        yield event(n, 6_000)
        yield 0.2


def one_event() -> Iterator[bytes | Pause]:
    yield 0.3
    yield event(0)


def two_events() -> Iterator[bytes | Pause]:
    yield event(0)
    yield 0.6
    yield event(1)


def growing() -> Iterator[bytes | Pause]:
    for n in range(12):
        yield event(n, n * n * 20)
        yield 0.3 if n % 3 else 0.0


RHYTHMS: dict[str, Rhythm] = {
    rhythm.__name__: rhythm
    for rhythm in (
        *(ticks, bursts, joined, burst_then_silence, silence_then_burst, silence_then_ticks),
        *(fast, faster_than_its_reader, one_big_first, big, one_event, two_events, growing),
    )
}

HEAVY = ("fast", "faster_than_its_reader")
"""Those of megabytes or thousands of events."""


async def pieces(name: str) -> AsyncIterator[bytes]:
    """The pieces of a rhythm, each when it is due."""
    for one in RHYTHMS[name]():
        if isinstance(one, bytes):
            yield one
        else:
            await asyncio.sleep(one)
