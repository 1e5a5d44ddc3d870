"""Waiting for a condition, never for a guess at how long it takes."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

POLL = 0.005
T = TypeVar("T")


def pauses() -> Iterator[float]:
    """Seconds between two looks: most conditions are true at once or within a turn or two."""
    yield from (0.0, 0.0, 0.0005, 0.001, 0.002)
    yield from itertools.repeat(POLL)


async def wait_until(condition: Callable[[], T], timeout: float = 5.0) -> T:
    """Return the condition's value once it is true; AssertionError after `timeout` seconds."""
    end, pause = time.monotonic() + timeout, pauses()
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        await asyncio.sleep(next(pause))
    return value


def block_until(condition: Callable[[], T], timeout: float = 5.0) -> T:
    """The same for code outside an event loop."""
    end, pause = time.monotonic() + timeout, pauses()
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        time.sleep(next(pause))
    return value
