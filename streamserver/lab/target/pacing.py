"""Absolute deadlines for the events of thousands of streams, and how late the events were sent.

All times of a stream count from its start. A sleep after each event would instead add the time that
the event took to every gap.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from time import monotonic_ns
from typing import Any
from weakref import WeakKeyDictionary

from streamserver.lab.target.events import SECOND, EventTime, Offset
from streamserver.server.exchange import Exchange
from streamserver.server.state import ServerState

TICK = 600_000
"""Least nanoseconds between two timers. Both loops make a millisecond of it: asyncio rounds up,
uvloop to the nearest, and from less than half a millisecond it would make a busy loop."""
MAX_ABANDONED = 64
"""Abandoned waits that may stay in the heap, however short it is."""
YIELD_AFTER = 16
"""Events that a late stream may send before it yields to others."""
_BITS = 5
_STEPS = 1 << _BITS
"""Buckets in each doubling."""
_LARGEST = (1 << 42) - 1
"""Nanoseconds, more than an hour: what is later counts as this."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Lateness:
    """How late events were sent: a histogram of nanoseconds, of constant size.

    A bucket is at most 1/32 of the values in it, so a figure is right within about 3 %.
    """

    __slots__ = ("_counts", "_max", "_total", "count")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop all counts."""
        self._counts = [0] * (_bucket(_LARGEST) + 1)
        self.count = self._total = self._max = 0

    def add(self, late: int) -> None:
        """Count an event."""
        self.count += 1
        self._total += late
        if late > self._max:
            self._max = late
        self._counts[_bucket(late if late < _LARGEST else _LARGEST)] += 1

    def percentile(self, percent: float) -> int:
        """The lateness that this percentage of the events does not exceed; 0 without events."""
        wanted = self.count * percent / 100
        passed = 0
        for bucket, found in enumerate(self._counts):
            passed += found
            if found and passed >= wanted:
                return min(_upper_bound(bucket), self._max)
        return 0

    def summary(self) -> dict[str, Any]:
        """The figures in ms; the histogram has the upper bound and the count of each bucket."""
        used = [(_ms(_upper_bound(n)), found) for n, found in enumerate(self._counts) if found]
        return {
            "count": self.count,
            "mean_ms": _ms(self._total / self.count) if self.count else 0.0,
            **{f"p{p:g}_ms": _ms(self.percentile(p)) for p in PERCENTILES},
            "max_ms": _ms(self._max),
            "histogram_ms": used,
        }


def _bucket(value: int) -> int:
    power = value.bit_length() - _BITS - 1
    return value if power <= 0 else (power << _BITS) + (value >> power)


def _upper_bound(bucket: int) -> int:
    power = (bucket >> _BITS) - 1
    return bucket if power <= 0 else ((bucket % _STEPS + _STEPS + 1) << power) - 1


def _ms(ns: float) -> float:
    return round(ns / 1_000_000, 6)


class Pacer:
    """The waits of all streams of an event loop.

    A timer for each wait would cost the most. All waits are in one heap, and one timer, set at most
    once a millisecond, wakes those that are due; none is early. A stream that is late or has no
    gaps never waits, so it yields in a queue, of which each iteration of the loop resumes one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()  # keeps the order of waits for the same moment
        self._abandoned = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def until(self, due: int) -> int:
        """Wait until ``monotonic_ns`` is ``due``, and return what it is then."""
        waiter = self._loop.create_future()
        heappush(self._heap, (due, next(self._number), waiter))
        if due < self._wakes_at or self._timer is None:
            self._set_timer(due)
        try:
            await waiter
        except BaseException:
            self._abandon()
            raise
        return monotonic_ns()

    async def pause(self) -> None:
        """Yield to all waits that are due and to the streams that yielded before."""
        waiter = self._loop.create_future()
        self._queue.append(waiter)
        if len(self._queue) == 1:
            self._loop.call_soon(self._resume_next)
        await waiter

    def __len__(self) -> int:
        """Waits in the heap, abandoned ones included."""
        return len(self._heap)

    def _wake(self) -> None:
        self._timer = None
        heap, now = self._heap, monotonic_ns()
        while heap and heap[0][0] <= now:
            waiter = heappop(heap)[2]
            if not waiter.done():
                waiter.set_result(None)
            elif self._abandoned:
                self._abandoned -= 1
        if heap:
            self._set_timer(heap[0][0])

    def _set_timer(self, due: int) -> None:
        now = monotonic_ns()
        wakes_at = max(due, now + TICK)
        if self._timer is None or wakes_at < self._wakes_at:
            if self._timer is not None:
                self._timer.cancel()
            self._wakes_at = wakes_at
            self._timer = self._loop.call_later((wakes_at - now) / SECOND, self._wake)

    def _abandon(self) -> None:
        """Count a cancelled wait. It leaves the heap when it is due, or with many others."""
        self._abandoned += 1
        if self._abandoned > MAX_ABANDONED + len(self._heap) // 2:
            self._heap = [wait for wait in self._heap if not wait[2].done()]
            heapify(self._heap)
            self._abandoned = 0

    def _resume_next(self) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
        if self._queue:
            self._loop.call_soon(self._resume_next)


_pacers: WeakKeyDictionary[ServerState, Pacer] = WeakKeyDictionary()


def pacer_of(server: ServerState) -> Pacer:
    """The pacer of a listener, and so of its event loop."""
    if server not in _pacers:
        _pacers[server] = Pacer(server.loop)
    return _pacers[server]


class Clock:
    """The time of one stream: what is due when, and how late it was.

    ``start``, in ns of ``time.monotonic_ns``, is when the clock was made; the owner may move it.
    """

    __slots__ = (
        *("_connection", "_due", "_free_at", "_lateness", "_left", "_observe", "_stalls"),
        *("pacer", "start"),
    )

    def __init__(self, exchange: Exchange, lateness: Lateness) -> None:
        server = exchange.server
        self.start = monotonic_ns()
        self.pacer = pacer_of(server)
        self._connection = exchange.connection
        self._stalls = exchange.connection.stalls
        self._free_at = 0  # when the next write is allowed
        self._due = 0  # when the last event was due; 0 once a part of it was written
        self._left = YIELD_AFTER
        self._lateness = lateness
        self._observe: Callable[[float], None] = server.observer.late

    async def wait_until(self, moment: int) -> None:
        """Wait for a moment; yield once if it has passed."""
        if moment > monotonic_ns():
            await self.pacer.until(moment)
        else:
            await asyncio.sleep(0)

    async def next_event(self, seq: int, offset: Offset) -> EventTime:
        """Wait until an event is due. It is sent now: before anything else runs."""
        now = monotonic_ns()
        if self._stalls != self._connection.stalls:
            self.resume()
        due = now if offset is None else self.start + offset
        if due < self._free_at:
            due = self._free_at
        if due > now:
            now = await self.pacer.until(due)
        elif self._left:
            self._left -= 1
        else:
            self._left = YIELD_AFTER
            await self.pacer.pause()
            now = monotonic_ns()
            if offset is None:
                due = now
        self._due = due
        if offset is not None:
            self._lateness.add(now - due)
            self._observe((now - due) / SECOND)
        return EventTime(seq, due, now)

    async def next_write(self) -> None:
        """Wait until a write is allowed. The first write of an event is allowed at once."""
        if not self._due:
            await self.wait_until(self._free_at)

    def record_write(self, duration: int, gap: int) -> None:
        """Delay the next write by ``duration`` ns, which limited bandwidth takes, from when this
        one was due, and by ``gap`` ns from now."""
        self._free_at = max(self._due, self._free_at) + duration
        if gap:
            self._free_at = max(self._free_at, monotonic_ns() + gap)
        self._due = 0

    def has_waited(self) -> None:
        """Count no event of before as late: the stream has yielded to others elsewhere."""
        self._left = YIELD_AFTER

    def resume(self) -> None:
        """Exclude a wait that the target did not cause: what was due meanwhile is due now."""
        self._stalls = self._connection.stalls
        self._free_at = max(self._free_at, monotonic_ns())
        self._left = 0  # the clients may have resumed many streams at once
