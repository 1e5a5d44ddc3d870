"""Asking two URLs in turn."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from streamserver.lab.client.record import Record

Ask = Callable[[], Awaitable[Record]]


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
        for _ in left:
            if random.random() < 0.5:
                first = await direct()
                tell(first, await through())
            else:
                last = await through()
                tell(await direct(), last)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(one_pair_after_another())
