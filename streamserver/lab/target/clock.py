"""The time of one stream: what is due when, and how late it was."""

from collections.abc import Callable
from time import monotonic_ns
from typing import NamedTuple

from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.pacing import pacer
from streamserver.lab.target.schedule import SECOND, Offset
from streamserver.server.exchange import Exchange

TURN = 16
"""Events that a stream which is behind may send before others go on."""


class Due(NamedTuple):
    """An event whose time has come; times in ns of ``time.monotonic_ns``."""

    seq: int
    due: int
    """As it was commanded, but not before there was room for it: a limit of bandwidth, a gap
    between writes, or a client that took nothing is none of the target's doing."""
    sent: int
    """Now: what is made of it is sent before anything else runs."""


class Clock:
    """Counts from the moment it is made. ``free``: when there is room again, by
    ``time.monotonic_ns``; whoever writes moves it on."""

    __slots__ = ("_due", "_late", "_lateness", "_left", "_pacer", "begin", "free")

    def __init__(self, exchange: Exchange, lateness: Lateness) -> None:
        self.begin = monotonic_ns()
        self.free = 0
        self._due = 0
        self._left = TURN
        self._pacer = pacer()
        self._lateness = lateness
        self._late: Callable[[float], None] = exchange.connection.shared.observer.late

    @property
    def next_write(self) -> int:
        """When what was due last may leave."""
        return max(self._due, self.free)

    def make_room(self) -> None:
        """There is room again, from now on."""
        self.free = monotonic_ns()

    async def event(self, seq: int, offset: Offset) -> Due:
        """Wait until an event is due."""
        now = monotonic_ns()
        due = max(self.free, now if offset is None else self.begin + offset)
        if due > now:
            now = await self._pacer.until(due)
        elif self._left:
            self._left -= 1
        else:
            self._left = TURN
            await self._pacer.turn()
            now = monotonic_ns()
            if offset is None:
                due = now
        self._due = due
        if offset is not None:
            self._lateness.add(now - due)
            self._late((now - due) / SECOND)
        return Due(seq, due, now)

    async def reach(self, moment: int) -> None:
        """Wait for a moment; if it is past, others go on first."""
        if moment > monotonic_ns():
            await self._pacer.until(moment)
        else:
            await self._pacer.turn()
