"""The time of one stream: what is due when, and how late it was."""

from asyncio import sleep
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
    """Counts from ``begin``, which is when it was made unless it is moved on."""

    __slots__ = (
        "_connection",
        "_due",
        "_free",
        "_late",
        "_lateness",
        "_left",
        "_pacer",
        "_stalls",
        "begin",
    )

    def __init__(self, exchange: Exchange, lateness: Lateness) -> None:
        self.begin = monotonic_ns()
        self._connection = exchange.connection
        self._stalls = exchange.connection.stalls
        self._free = 0  # when there is room for more
        self._due = 0  # the event that was due last, 0 once something of it was written
        self._left = TURN
        self._pacer = pacer(exchange.server)
        self._lateness = lateness
        self._late: Callable[[float], None] = exchange.server.observer.late

    async def reach(self, moment: int) -> None:
        """Wait for a moment; if it is past, others go on first."""
        if moment > monotonic_ns():
            await self._pacer.until(moment)
        else:
            await sleep(0)

    async def turn(self) -> None:
        """Let other streams run."""
        await self._pacer.turn()

    # Events

    async def event(self, seq: int, offset: Offset) -> Due:
        """Wait until an event is due."""
        now = monotonic_ns()
        if self._stalls != self._connection.stalls:
            self.make_room()
        due = max(self._free, now if offset is None else self.begin + offset)
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

    # Writes, for who makes several of an event

    async def may_write(self) -> None:
        """Wait until the next write may follow; the first of an event may at once."""
        if not self._due:
            await self.reach(self._free)

    def wrote(self, lasts: int, gap: int) -> None:
        """Something was written, which takes its time where bandwidth is limited, and a gap must be
        left behind it. What it takes counts from when it was due, the gap from now."""
        self._free = max(max(self._due, self._free) + lasts, monotonic_ns() + gap if gap else 0)
        self._due = 0

    def make_room(self) -> None:
        """What kept the stream waiting is over: what was due meanwhile is due now."""
        self._stalls = self._connection.stalls
        self._free = max(self._free, monotonic_ns())
        self._left = 0  # so many may have been woken at once by their clients
