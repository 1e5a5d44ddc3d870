"""Waiting for absolute times, of thousands of streams.

Whoever sleeps for a while after each event adds the time that the event took to every round. Here
all times are counted from the beginning of a stream.

A timer per stream and event is what costs most when there are thousands. So all waits of a loop
stand in one heap, and one timer wakes those whose time has come. It looks about once a millisecond
at most, which is what the loops' own timers are good for; nothing is ever early.

A stream that is behind, or has no gaps, never waits. After each few events it stands in a queue,
and of that queue one a turn goes on; so however many there are, they take little of each turn.
"""

import asyncio
from collections import deque
from heapq import heapify, heappop, heappush
from itertools import count
from time import monotonic_ns
from weakref import WeakKeyDictionary

from streamserver.lab.target.schedule import SECOND
from streamserver.server.state import ServerState

TICK = 600_000
"""Nanoseconds between two looks, at least. Both loops make a millisecond of it: asyncio rounds up,
and uvloop to the nearest, where less than half of one would keep the loop busy without a pause."""
FEW = 64
"""Abandoned waits that may stay in the heap, however short it is."""


class Pacer:
    """All waits of the streams of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()  # of two that are due at once, the first goes first
        self._abandoned = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def until(self, due: int) -> int:
        """Wait until ``monotonic_ns`` is ``due``; what it is then."""
        waiter = self._loop.create_future()
        heappush(self._heap, (due, next(self._number), waiter))
        if due < self._rings or self._timer is None:
            self._arm(due)
        try:
            await waiter
        except BaseException:
            self._abandon()
            raise
        return monotonic_ns()

    async def turn(self) -> None:
        """Let others go on: all that wait for a time that has come, and those who queue here."""
        waiter = self._loop.create_future()
        self._queue.append(waiter)
        if len(self._queue) == 1:
            self._loop.call_soon(self._next)
        await waiter

    def __len__(self) -> int:
        """Waits in the heap, those of them that were abandoned included."""
        return len(self._heap)

    def _ring(self) -> None:
        self._timer = None
        heap, now = self._heap, monotonic_ns()
        while heap and heap[0][0] <= now:
            waiter = heappop(heap)[2]
            if not waiter.done():
                waiter.set_result(None)
            elif self._abandoned:
                self._abandoned -= 1
        if heap:
            self._arm(heap[0][0])

    def _arm(self, due: int) -> None:
        now = monotonic_ns()
        rings = max(due, now + TICK)
        if self._timer is None or rings < self._rings:
            if self._timer is not None:
                self._timer.cancel()
            self._rings = rings
            self._timer = self._loop.call_later((rings - now) / SECOND, self._ring)

    def _abandon(self) -> None:
        """Someone waits no more: its place is cleared away with many others, or when due."""
        self._abandoned += 1
        if self._abandoned > FEW + len(self._heap) // 2:
            self._heap = [wait for wait in self._heap if not wait[2].done()]
            heapify(self._heap)
            self._abandoned = 0

    def _next(self) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
        if self._queue:
            self._loop.call_soon(self._next)


_pacers: WeakKeyDictionary[ServerState, Pacer] = WeakKeyDictionary()


def pacer(server: ServerState) -> Pacer:
    """That of a listener, which has its loop to itself."""
    if server not in _pacers:
        _pacers[server] = Pacer(server.loop)
    return _pacers[server]
