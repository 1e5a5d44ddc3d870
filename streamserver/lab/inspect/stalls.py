"""How late this process itself is: the least by which a judgement of times has to be tolerant.

A timer is due each 10 ms. When the machine is busy, or the event loop is, the timer runs late, and
a read that arrived meanwhile has a time that is late by as much.
"""

import asyncio

PERIOD = 0.01


class StallMeter:
    """Measures the longest delay of a timer between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.worst = 0.0
        """The longest delay in seconds."""
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._loop.time() + PERIOD
        self._timer = self._loop.call_at(self._due, self._on_timer)

    def stop(self) -> None:
        """End the measurement."""
        if self._timer is not None:
            self._timer.cancel()
            self._measure()

    def _on_timer(self) -> None:
        self._measure()
        self.start()

    def _measure(self) -> None:
        self.worst = max(self.worst, self._loop.time() - self._due)
