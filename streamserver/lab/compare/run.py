"""Two jobs in pairs, in one process, so that one client measures both."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from time import monotonic_ns

from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.pairs import in_pairs
from streamserver.lab.load.job import Job
from streamserver.lab.load.ticker import Ticker
from streamserver.lab.report.histograms import add
from streamserver.lab.report.live import Progress

EVERY = 1.0
"""Seconds between two looks at how far it has come."""


async def compare(
    direct: Job, through: Job, count: int, show: Callable[[Progress], object]
) -> Comparison:
    """``count`` pairs, as many at once as the first job says; ``show`` is told every second.

    OSError for a name that cannot be resolved, or authorities that cannot be read.
    """
    comparison, began, showing = Comparison(), monotonic_ns(), None
    clients = direct.client(), through.client()
    concurrency = int(direct.profile.level(0))
    ticker = Ticker(comparison.direct.loop_lag, began)
    try:
        for client in clients:
            client.digest = True
            await client.place.resolve()

        showing = asyncio.create_task(_show(comparison, began, concurrency, show))
        chance = Random(f"pairs/{direct.seed}")
        one, other = [partial(client.exchange, 0) for client in clients]
        await in_pairs(one, other, count, concurrency, chance, comparison.add)
    finally:
        ticker.stop()
        if showing is not None:
            showing.cancel()
        for client in clients:
            client.close()
    add(comparison.through.loop_lag, comparison.direct.loop_lag)
    return comparison


async def _show(
    comparison: Comparison, began: int, concurrency: int, show: Callable[[Progress], object]
) -> None:
    while True:
        await asyncio.sleep(EVERY)
        show(Progress((monotonic_ns() - began) / 1e9, concurrency, comparison.through))
