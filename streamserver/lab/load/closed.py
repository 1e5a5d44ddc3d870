"""A closed loop: so many at once, and each that ends makes room for the next.

It finds what a server can do, and hides how long it makes people wait: when the server is slow, it
is asked less often. For that there is the open loop.
"""

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamserver.lab.load.run import Run

STEP = 0.05
"""Seconds between two looks at how many there should be."""
PAUSE = 0.01
"""Seconds that one waits whose connection failed: else it would ask for nothing but connections,
thousands of times a second."""


async def closed_loop(run: "Run") -> None:
    """Ask until the run's time or number is over."""
    numbers, at_work = run.share.numbers(), set[int]()

    async def one_after_another(place: int) -> None:
        try:
            while run.may_begin(now := monotonic_ns()) and place < run.level(now):
                record = await run.exchange(next(numbers), run.take(now))
                if not record.sent:
                    await asyncio.sleep(PAUSE)
        finally:
            at_work.discard(place)

    while run.may_begin(now := monotonic_ns()):
        level = run.level(now)
        for place in run.share.numbers():
            if place >= level:
                break
            if place not in at_work:
                at_work.add(place)
                run.spawn(one_after_another(place))
        await run.until_over(STEP)
