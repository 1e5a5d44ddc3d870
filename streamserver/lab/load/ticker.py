"""How late the event loop comes round: what the client adds to everything it measures."""

import asyncio
from time import monotonic_ns
from typing import Any

from streamserver.lab.report.histograms import record

EVERY = 10_000_000
"""Nanoseconds between two ticks."""


class Ticker:
    """Ticks at times that are fixed beforehand, and counts how late each tick was.

    While the loop is held up several ticks pass, and each counts: one that is held up for a second
    was late for a second of the run, not once.
    """

    def __init__(self, lags: Any, begin: int) -> None:
        """``lags``: a histogram. ``begin``: the moment of the first tick."""
        self._lags = lags
        self._due = begin
        self._loop = asyncio.get_running_loop()
        self._timer = self._arm(monotonic_ns())

    def stop(self) -> None:
        """Tick no more."""
        self._timer.cancel()

    def _arm(self, now: int) -> asyncio.TimerHandle:
        return self._loop.call_later(max(self._due - now, 0) / 1e9, self._tick)

    def _tick(self) -> None:
        now = monotonic_ns()
        while self._due <= now:
            record(self._lags, now - self._due)
            self._due += EVERY
        self._timer = self._arm(now)
