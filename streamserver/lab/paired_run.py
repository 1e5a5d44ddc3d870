"""Two jobs in pairs of exchanges, in one process, so that one client measures both."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from time import monotonic_ns

from streamserver.lab.client.record import Record
from streamserver.lab.comparison import Comparison
from streamserver.lab.load.job import Job
from streamserver.lab.load.run import LagProbe
from streamserver.lab.report.histograms import add
from streamserver.lab.report.live import Progress

INTERVAL = 1.0
"""Seconds between two reports of the progress."""
Exchange = Callable[[int], Awaitable[Record]]
"""Runs the exchange of a pair's number."""


async def compare(
    direct: Job, through: Job, count: int, on_progress: Callable[[Progress], object]
) -> Comparison:
    """Run ``count`` pairs, with the concurrency of the first job.

    OSError for a name that cannot be resolved, or authorities that cannot be read.
    """
    comparison, began, reporting = Comparison(), monotonic_ns(), None
    clients = direct.client(), through.client()
    concurrency = int(direct.profile.level(0))
    lag = LagProbe(comparison.direct.loop_lag, began)

    async def report() -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            seconds = (monotonic_ns() - began) / 1e9
            on_progress(Progress(seconds, concurrency, comparison.through))

    try:
        for client in clients:
            client.digest = True
            await client.server.resolve()
        reporting = asyncio.create_task(report())
        first, second = [partial(client.exchange, 0) for client in clients]
        random = Random(f"pairs/{direct.seed}")
        await run_pairs(first, second, count, concurrency, random, comparison.add)
    finally:
        lag.stop()
        if reporting is not None:
            reporting.cancel()
        for client in clients:
            client.close()
    add(comparison.through.loop_lag, comparison.direct.loop_lag)
    return comparison


async def run_pairs(
    direct: Exchange,
    through: Exchange,
    count: int,
    concurrency: int,
    random: Random,
    on_pair: Callable[[Record, Record], object],
) -> None:
    """Run ``count`` pairs, ``concurrency`` at once; ``on_pair`` gets the direct record first.

    The order within a pair is random, so that neither side always follows the other.
    """
    numbers = iter(range(count))

    async def run() -> None:
        for n in numbers:
            if random.random() < 0.5:
                first = await direct(n)
                on_pair(first, await through(n))
            else:
                last = await through(n)
                on_pair(await direct(n), last)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(run())
