"""A closed loop: so many at once, and each that ends makes room for the next.

It finds what a server can do, and hides how long it makes people wait: when the server is slow, it
is asked less often. For that there is the open loop.
"""

import asyncio
from collections.abc import Callable

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record


async def closed_loop(
    client: Client, concurrency: int, count: int, tell: Callable[[Record], object]
) -> None:
    """Ask ``count`` times, ``concurrency`` at once; ``tell`` gets each record."""
    left = iter(range(count))

    async def one_after_another() -> None:
        for _ in left:
            tell(await client.exchange())

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(one_after_another())
