"""Waiting for a condition, never for a guess at how long it takes."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

POLL = 0.005
TICK = 0.01
T = TypeVar("T")


def pauses() -> Iterator[float]:
    """Seconds between two looks: most conditions are true at once or within a turn or two."""
    yield from (0.0, 0.0, 0.0005, 0.001, 0.002)
    yield from itertools.repeat(POLL)


async def wait_until(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """Return the condition's value once it is true; AssertionError after `timeout` seconds."""
    end, pause = time.monotonic() + timeout, pauses()
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        await asyncio.sleep(next(pause))
    return value


def block_until(condition: Callable[[], T], timeout: float = 10.0) -> T:
    """The same for code outside an event loop."""
    end, pause = time.monotonic() + timeout, pauses()
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        time.sleep(next(pause))
    return value


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> None:
    """Await the work; AssertionError unless it is done in so many seconds of this loop's time.

    They are counted in short waits, so that the time in which a busy machine lets neither
    side run, which both are in this loop, does not count.
    """
    task = asyncio.create_task(work)
    for _ in range(round(seconds / TICK)):
        if (await asyncio.wait([task], timeout=TICK))[0]:
            task.result()
            return
    task.cancel()
    raise AssertionError(f"not done within {seconds} s")
