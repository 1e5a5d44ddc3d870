"""A clock that the test turns, in place of an event loop, and one that a busy machine does not
advance."""

import asyncio
import time
from collections.abc import Callable

import pytest

STEP = 0.01


class Timer:
    """What ``call_at`` gives."""

    def __init__(self, when: float, ring: Callable[[], object]) -> None:
        self.when = when
        self.ring = ring
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """As much of an event loop as deadlines need: the time, and timers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, ring: Callable[[], object]) -> Timer:
        self.made += 1
        self.timers.append(Timer(when, ring))
        return self.timers[-1]

    @property
    def armed(self) -> list[float]:
        """When the timers that are still to ring will."""
        return [timer.when - 1000 for timer in self.timers if not timer.cancelled]

    def turn_to(self, now: float) -> None:
        """Let the time go by, and every timer ring in its turn."""
        while due := [t for t in self.timers if not t.cancelled and t.when <= 1000 + now]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.ring()
        self.now = 1000 + now


def without_stalls(patch: pytest.MonkeyPatch) -> None:
    """Let the time of the running loop advance by at most ``STEP`` from one look to the next.

    Else a peer in the same loop is late when another program has the processor.
    """
    read = now = time.monotonic()

    def steady() -> float:
        nonlocal read, now
        before, read = read, time.monotonic()
        now += min(read - before, STEP)
        return now

    patch.setattr(asyncio.get_running_loop(), "time", steady)
