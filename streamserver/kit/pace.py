"""Deadlines at a steady pace.

A sleep of the interval after each event would add the time of the work to every round. Here each
deadline is counted from the beginning, so a late event does not delay the next ones.
"""

import asyncio


class Pace:
    """Deadlines ``interval`` seconds apart, of which the first, number 0, is now."""

    __slots__ = ("_begin", "_interval", "_loop")

    def __init__(self, interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin = self._loop.time()
        self._interval = interval

    async def until(self, number: int) -> None:
        """Wait for a deadline; yield to the event loop even if it has passed."""
        await asyncio.sleep(max(0.0, self._begin + number * self._interval - self._loop.time()))
