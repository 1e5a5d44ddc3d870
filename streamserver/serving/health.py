"""How late an event loop is, and what blocked it: decisions by times that are passed in.

Another thread (`serving.watch`) looks at the loop at intervals. A loop that waits in its selector
serves an event at once: its delay is 0. Any other loop is asked to call back; its delay lasts from
the moment at which the look was due until that call. Until then no further call is requested, and
the answer counts for each look without one. So a histogram of the delays is that of events which
arrive at evenly spaced moments.

The callback that runs is charged with a delay only as far as the loop's thread could run.
Subtracted are the times in which the thread waited for a CPU (a starved machine), in which the look
was late too although the thread used no CPU (a stopped process, another thread that held the
interpreter's lock), in which a debugger had stopped it, and in which the garbage collector ran.
"""

from collections.abc import Hashable
from math import ceil
from typing import Generic, NamedTuple, TypeVar

INTERVAL = 0.05
"""Seconds between two looks at a loop that works; twice as many while it is nearly idle. A look
costs 40 µs to wake a thread and up to as much with cold caches: 0.09 % of a core while idle."""
IDLE_CPU = 0.001
"""Seconds of CPU time between two looks, below which a loop is nearly idle."""
THRESHOLD = 0.1
"""Seconds after which a loop is blocked. The start of a request is known. Any other block begins at
an unknown moment between two looks: half an `INTERVAL` is added. One of 125 ms is then reported for
certain where the loop works, one of 175 ms where it was idle, and none below 75 ms."""
PATIENCE = 5.0
"""Seconds after which a block is reported before its end."""
REPORT_EVERY = 60.0
"""Seconds between two reports of one place."""
FORGET_AFTER = 3600.0
"""Seconds after which a place without a further report is forgotten."""
ASK_EVERY = 20
"""Looks after which a loop that seems to wait is asked nevertheless: uvloop may call functions
written in C, which do not appear in a stack."""

Stack = TypeVar("Stack")


class Reading(NamedTuple):
    """Clocks in seconds: `now`; the CPU time of the loop's thread; how long the garbage collector
    has run."""

    now: float
    cpu: float
    collecting: float


class Block(NamedTuple, Generic[Stack]):
    """A loop did not run for about `seconds`; `stack` is where it stood at most of the looks.

    `by_collector`: the garbage collector is the reason. `is_over`: whether the loop runs again.
    """

    seconds: float
    stack: Stack | None
    by_collector: bool
    is_over: bool


class Health(Generic[Stack]):
    """One loop. `on_look` is called first at each look, then what fits the state of the loop.

    `queued` is how long the loop's thread has been ready to run without a CPU, in seconds.
    """

    def __init__(self, start: Reading, queued: float = 0.0) -> None:
        self.delays: list[float] = []
        """Seconds; the reader clears the list."""
        self.interval = INTERVAL
        """Seconds until the next look is due."""
        self._before = self._last = start
        self._due = start.now
        self._asked: Reading | None = None
        self._queued = queued
        self._margin = 0.0
        self._answered_at = start.now
        self._stopped = 0.0
        self._report_at = 0.0
        self._is_reported = False
        self._waited = 0
        self._samples: dict[Hashable, tuple[int, Stack]] = {}

    @property
    def is_asked(self) -> bool:
        """Whether an answer is awaited."""
        return self._asked is not None

    @property
    def is_suspected(self) -> bool:
        """Whether the loop may be blocked: it is asked, it hardly worked before, or this look
        should have been made before."""
        is_late = self._last.now - self._due > INTERVAL
        return self.is_asked or is_late or self.interval > INTERVAL

    def on_look(self, reading: Reading) -> None:
        """The clocks at a look."""
        self._due = self._last.now + self.interval
        self._before, self._last = self._last, reading

    def on_waiting(self) -> bool:
        """The loop is in its selector; whether that is enough to know."""
        if self._asked is not None or self._waited == ASK_EVERY:
            return False
        self._waited += 1
        self.delays += [0.0] * round(self.interval / INTERVAL)
        self.interval = 2 * INTERVAL if self._last.cpu - self._before.cpu < IDLE_CPU else INTERVAL
        return True

    def ask(self, queued: float, since: float = 0.0) -> None:
        """The loop is asked to call back. What it runs began at `since`; 0: that is not known."""
        due = max(since or min(self._due, self._last.now), self._answered_at)
        self._asked = self._last._replace(now=due, collecting=self._before.collecting)
        self._margin = 0.0 if since else INTERVAL / 2
        self._stopped = self._lost(self._last.now)
        if since:  # then the thread may have waited for a CPU before this look, and in that time
            self._stopped = max(self._stopped, queued - self._queued)
        self._queued = queued
        self._report_at, self._is_reported = due + PATIENCE, False
        self._waited, self.interval = 0, INTERVAL
        self._samples.clear()

    def sample(self, place: Hashable, stack: Stack) -> None:
        """Where the loop stands at this look."""
        self._samples[place] = self._samples.get(place, (0, stack))[0] + 1, stack

    def on_answer(self, at: float, queued: float) -> Block[Stack] | None:
        """The loop called back at this time: the block that has ended and was not reported."""
        delay, collecting = self._delay(at, queued)
        self._asked, self._answered_at, self._queued = None, at, queued
        # Here and not at the looks, since the times to subtract are known only now.
        self.delays.extend(delay - missed * INTERVAL for missed in range(ceil(delay / INTERVAL)))
        return None if self._is_reported else self._block(delay, collecting, THRESHOLD, True)

    def on_silence(self, queued: float, is_excused: bool) -> Block[Stack] | None:
        """The loop has not called back: the block, if it is long and due to be reported.

        `is_excused`: what the loop runs is not the reason.
        """
        assert self._asked is not None
        now = self._last.now
        if is_excused:
            self._stopped += now - max(self._before.now, self._asked.now)
            return None
        delay, collecting = self._delay(now, queued)
        self._stopped += self._lost(now)
        if now < self._report_at:
            return None
        block = self._block(delay, collecting, PATIENCE, False)
        if block is not None:
            self._report_at, self._is_reported = now + REPORT_EVERY, True
        return block

    def _block(
        self, delay: float, collecting: float, least: float, is_over: bool
    ) -> Block[Stack] | None:
        seconds = delay + self._margin
        if seconds < least:
            return None
        _, stack = max(self._samples.values(), key=lambda each: each[0], default=(0, None))
        if seconds - collecting < least:
            return Block(seconds, None, True, is_over)
        return Block(seconds - collecting, stack, False, is_over)

    def _delay(self, end: float, queued: float) -> tuple[float, float]:
        """How long the loop has not run, though it could, and the collector's part of it."""
        asked, last = self._asked, self._last
        assert asked is not None
        # Both may have happened at the same time, but not while the thread ran.
        excused = self._stopped + self._lost(end) + queued - self._queued
        elapsed, ran = end - asked.now, last.cpu - asked.cpu
        delay = elapsed - min(excused, max(0.0, elapsed - ran))
        return max(0.0, delay), last.collecting - asked.collecting

    def _lost(self, end: float) -> float:
        """Seconds until `end` by which this look was late, and the loop's thread did not run."""
        in_time = self._due - self._before.now  # it may have run in any part of this
        ran_late = max(0.0, self._last.cpu - self._before.cpu - in_time)
        return max(0.0, end - self._due - ran_late)


class Reports:
    """Which places are due to be reported."""

    def __init__(self) -> None:
        self._places: dict[Hashable, tuple[float, int]] = {}

    def count(self, place: Hashable, now: float) -> int | None:
        """How often a place was not reported since its last report; None if it is not due."""
        at, missed = self._places.get(place, (-REPORT_EVERY, 0))
        if now - at < REPORT_EVERY:
            self._places[place] = at, missed + 1
            return None
        recent = {each: last for each, last in self._places.items() if now - last[0] < FORGET_AFTER}
        self._places = {**recent, place: (now, 0)}
        return missed
