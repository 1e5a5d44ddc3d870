"""Things that happen at a steady pace.

To sleep for the interval after each of them would add the time that the work takes to every
round, and a busy server would fall further behind with each. So every deadline is counted
from the beginning: who is late once is in time again for the next.
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
        """Wait for a deadline; others get their turn even if it is past."""
        await asyncio.sleep(max(0.0, self._begin + number * self._interval - self._loop.time()))
