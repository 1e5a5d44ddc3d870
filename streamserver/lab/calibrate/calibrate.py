"""Rising loads, one after the other, until figures no longer hold."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

from streamserver.lab.calibrate.level import Level, Tolerance
from streamserver.lab.client.client import Ask, Client
from streamserver.lab.client.record import KEPT, Record

LOADS: Sequence[tuple[int, float]] = (
    *((1, 10), (10, 20), (20, 50), (50, 50), (100, 50), (100, 100)),
    *((200, 100), (300, 100), (400, 100), (600, 100), (1000, 100)),
)
"""Streams, and events of each in a second."""
FIRST = 0.1
"""Seconds that the first event of each stream is commanded to take."""
SPREAD = 1.0
"""Seconds over which the streams of a level begin: people don't come all at once either."""


async def calibrate(
    url: str, seconds: float, tolerance: Tolerance, loads: Sequence[tuple[int, float]] = LOADS
) -> AsyncIterator[Level]:
    """Each level when it is measured; the last is the first that did not hold, if one did not.

    Since something else may have kept the machine busy, one that does not hold has a second try.
    ``url``: of a target of ours. ``seconds``: how long each stream goes on. ValueError for a time
    in which streams have more events than are kept.
    """
    if seconds * max([rate for _, rate in loads]) > KEPT:
        raise ValueError(f"at {loads[-1][1]:g} events/s a stream has {KEPT} within fewer seconds")
    for streams, rate in loads:
        level = await measure(url, streams, rate, seconds)
        if level.misses(tolerance):
            level = await measure(url, streams, rate, seconds)
        yield level
        if level.misses(tolerance):
            return


async def measure(url: str, streams: int, rate: float, seconds: float) -> Level:
    """One level."""
    level = Level(streams, rate, round(rate * seconds))
    knobs = f"count={level.each}&gap={1 / rate:.9f}&first_byte_delay={FIRST}&stamps=1"
    client = Client(Ask(f"{url}/sse?{knobs}"))
    chance = Random(streams)

    async def stream() -> Record:
        await asyncio.sleep(chance.random() * SPREAD)
        return await client.exchange()

    try:
        for record in await asyncio.gather(*[stream() for _ in range(streams)]):
            level.add(record, round(FIRST * 1e9))
    finally:
        client.close()
    return level
