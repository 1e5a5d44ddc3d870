"""Many deadlines, few timers.

Deadlines of one kind all last equally long, so the one that was started first passes
first: a dict, which keeps the order of insertion, is a complete queue. One timer looks at
its front. Starting and stopping a deadline is a dict operation and hardly ever touches the
event loop, which is what lets a hundred thousand open streams have several each.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)


class Deadlines(Generic[Owner]):
    """Deadlines of one kind: ``seconds`` after ``start(owner)``, ``expire(owner)`` is called.

    Zero seconds switches the kind off. A deadline never passes early; it passes late by no
    more than the loop does.
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

    def start(self, owner: Owner) -> None:
        """Give ``owner`` the full time from now, whether it had a deadline or not."""
        if not self._seconds:
            return
        due = self._due
        due.pop(owner, None)
        due[owner] = when = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(when, self._ring)

    def stop(self, owner: Owner) -> bool:
        """Take the deadline back; whether there was one."""
        return self._due.pop(owner, None) is not None

    def close(self) -> None:
        """Forget all deadlines and the timer."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
                # One that passed may have stopped or restarted another.
                if self._due.get(owner, now + 1) <= now:
                    del self._due[owner]
                    self._expire(owner)
        finally:
            # Stopped deadlines don't move the timer, so it may have rung for nobody.
            first = next(iter(self._due.values()), None)
            armed = None if first is None else self._loop.call_at(first, self._ring)
            self._timer = armed
