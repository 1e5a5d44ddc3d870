"""Asking two URLs in turn."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from streamserver.lab.client.record import Record

Ask = Callable[[int], Awaitable[Record]]
"""What asks, for the pair of a number."""


async def in_pairs(
    direct: Ask,
    through: Ask,
    count: int,
    concurrency: int,
    random: Random,
    tell: Callable[[Record, Record], object],
) -> None:
    """``count`` pairs, ``concurrency`` of them at once; ``tell`` gets the direct one first.

    Which of a pair is asked first is left to chance, so that neither always meets the machine as
    the other left it.
    """
    left = iter(range(count))

    async def one_pair_after_another() -> None:
        for n in left:
            if random.random() < 0.5:
                first = await direct(n)
                tell(first, await through(n))
            else:
                last = await through(n)
                tell(await direct(n), last)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(one_pair_after_another())
