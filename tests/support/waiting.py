"""Waiting for a condition, never for a guess at how long it takes."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

POLL = 0.005
T = TypeVar("T")


async def wait_until(condition: Callable[[], T], timeout: float = 5.0) -> T:
    """Return the condition's value once it is true; AssertionError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        await asyncio.sleep(POLL)
    return value


def block_until(condition: Callable[[], T], timeout: float = 5.0) -> T:
    """The same for code outside an event loop."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {timeout} s"
        time.sleep(POLL)
    return value
