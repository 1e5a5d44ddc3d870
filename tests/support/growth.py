"""How work grows with its input: a ratio of CPU times, so that no speed is asserted."""

import asyncio
from collections.abc import Awaitable, Callable
from time import thread_time

TIMES = 8
MOST = 3.0 * TIMES
"""Linear work grows TIMES times, quadratic work TIMES * TIMES times."""
MOST_IN_LOOP = 1.5 * TIMES
"""A smaller bound, since each run has a fixed cost besides: linear work grows less than TIMES
times."""
FEWEST, MOST_RUNS = 2, 15
"""Runs of each size. The fastest counts, since other programs can only slow a run down; further
runs are made while the bound is exceeded."""


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times the CPU time of ``work(TIMES * size)`` is that of ``work(size)``."""

    def cost(size: int) -> float:
        began = thread_time()
        work(size)
        return thread_time() - began

    few: list[float] = []
    many: list[float] = []
    while _is_open(few, many, MOST):
        few.append(cost(size))
        many.append(cost(TIMES * size))
    return min(many) / min(few)


async def growth_in_loop(work: Callable[[int], Awaitable[object]], size: int) -> float:
    """The same for work in which all sides run in this thread's event loop.

    It turns the loop's debug mode off, which multiplies the fixed cost of each run.
    """
    asyncio.get_running_loop().set_debug(False)

    async def cost(size: int) -> float:
        began = thread_time()
        await work(size)
        return thread_time() - began

    few: list[float] = []
    many: list[float] = []
    while _is_open(few, many, MOST_IN_LOOP):
        few.append(await cost(size))
        many.append(await cost(TIMES * size))
    return min(many) / min(few)


def _is_open(few: list[float], many: list[float], bound: float) -> bool:
    """Whether another run of each size is to be made."""
    if len(few) < FEWEST:
        return True
    return min(many) / min(few) >= bound and len(few) < MOST_RUNS
