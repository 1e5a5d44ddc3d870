"""Many deadlines, few timers.

Deadlines of one kind have the same length, so the one that was started first passes first. A
dict, which keeps the order of insertion, is thus a complete queue, and one timer watches its
front. To start or stop a deadline is a dict operation that seldom touches the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Deadlines(Generic[Owner]):
    """Deadlines of one kind: ``seconds`` after ``start(owner)``, ``expire(owner)`` is called.

    Zero seconds disable the kind. A deadline never passes early; it passes late by no more than
    the loop does.
    """

    __slots__ = ("_due", "_expire", "_loop", "_seconds", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, expire: Callable[[Owner], object]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expire = expire
        self._due: dict[Owner, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self, owner: Owner, now: float = 0.0) -> None:
        """Start the deadline of ``owner``, or start it again.

        ``now``: the loop's time, which is that of ``time.monotonic``, if the caller has read it.
        """
        if not self._seconds:
            return
        due = self._due
        due.pop(owner, None)
        due[owner] = when = (now or self._loop.time()) + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(when, self._ring)

    def stop(self, owner: Owner) -> bool:
        """Remove the deadline; whether there was one."""
        return self._due.pop(owner, None) is not None

    def shorten(self, seconds: float) -> None:
        """Limit deadlines to ``seconds`` after their start, also those that run."""
        if seconds < self._seconds:
            earlier = self._seconds - seconds
            self._seconds = seconds
            self._due = {owner: when - earlier for owner, when in self._due.items()}
            if self._timer is not None:
                self._timer.cancel()
            self._arm()

    def close(self) -> None:
        """Remove all deadlines and the timer."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __contains__(self, owner: Owner) -> bool:
        return owner in self._due

    def __len__(self) -> int:
        return len(self._due)

    def _ring(self) -> None:
        now = self._loop.time()
        passed = []
        for owner, when in self._due.items():
            if when > now:
                break
            passed.append(owner)
        try:
            for owner in passed:
                # A callback may have stopped or restarted another deadline.
                if self._due.get(owner, now + 1) <= now:
                    del self._due[owner]
                    self._expire(owner)
        finally:
            # A deadline that is stopped leaves the timer as it is, so it may ring without one.
            self._arm()

    def _arm(self) -> None:
        first = next(iter(self._due.values()), None)
        self._timer = None if first is None else self._loop.call_at(first, self._ring)
