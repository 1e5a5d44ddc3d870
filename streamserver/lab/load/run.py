"""A run in one process: begins exchanges as its job specifies, and summarizes them.

A closed loop keeps a number of exchanges open; each that ends makes room for the next. It finds the
throughput of a server but hides how long users wait, since a slow server receives fewer requests.

An open loop begins each exchange when it is due. As with independent users, earlier exchanges have
no influence on that. Every duration counts from when the exchange was due, even if the client
itself began it late (coordinated omission), and the lateness of the client is reported.

A conversation has several exchanges, one after the other. It takes the place of one exchange: a
slot of a closed loop runs it to its end, and each arrival of an open loop begins one. A later turn
is due when the answer before it has ended and the think time has passed. An exchange that fails or
whose answer has no text ends its conversation.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count, islice
from math import ceil
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.answer_text import MAX_TEXT, AnswerText
from streamserver.lab.client.record import Record
from streamserver.lab.load.job import SECOND, Job, Share
from streamserver.lab.report.event_counter import EventCounter
from streamserver.lab.report.flow import PARTS, Flow
from streamserver.lab.report.histograms import record as add_value
from streamserver.lab.report.kept_events import KeepingCounter
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.summary import Summary

STEP = 0.05
"""Seconds between two adjustments of the concurrency."""
PAUSE = 0.01
"""Seconds after a failed connection: without it a closed loop would attempt thousands a second."""
TICK = SECOND // 100


class Run:
    """One process's share of a job. ``prepare`` it, then ``execute`` it.

    ``on_record`` gets each record that counts, as soon as its exchange has ended.
    """

    def __init__(
        self,
        job: Job,
        share: Share | None = None,
        on_record: Callable[[Record], object] | None = None,
    ) -> None:
        self.job = job
        self.share = share or Share()
        self.summary = Summary(limits=job.limits)
        self.client = job.client()
        self.open = 0
        """Exchanges that have begun and not ended."""
        self.start = 0
        """When the load begins, by ``time.monotonic_ns``."""
        self.count_from = 0
        """When the warm-up ends."""
        self._on_record = on_record or (lambda record: None)
        self._left = None if job.count is None else self.share.part(job.count)
        self._tasks: set[asyncio.Task[object]] = set()
        self._load: asyncio.Task[None] | None = None
        self._all_begun = asyncio.Event()
        self._last_due = 0  # when the last exchange began, or a turn is due
        self._is_stopped = False
        self._failure: BaseException | None = None

    async def prepare(self) -> None:
        """Resolve the host name; OSError if that fails."""
        await self.client.server.resolve()
        self.summary.resolving = self.client.server.resolving
        self.summary.address = self.client.server.address

    async def execute(self, start: int) -> None:
        """Begin at a time of ``time.monotonic_ns``; return when all exchanges have ended."""
        self.start, self.count_from = start, start + round(self.job.warm_up * SECOND)
        await sleep_until(start)
        lag = LagProbe(self.summary.loop_lag, self.count_from)
        if self.job.counts_flow:
            part = max(round(self.job.duration * SECOND) // PARTS, 1)
            self.summary.flow = Flow(self.count_from, part)
        load = self._open_loop() if self.job.is_open_loop else self._closed_loop()
        self._load = asyncio.create_task(load)
        self._load.add_done_callback(self._on_task_end)
        try:
            if not self._is_stopped:
                await asyncio.wait([self._load])
            self._last_due = max(self._last_due, monotonic_ns())
            while self._tasks and (left := self._grace_left()) > 0:
                await asyncio.wait(self._tasks, timeout=left)
        finally:
            lag.stop()
            self.stop()
            await asyncio.gather(self._load, *self._tasks, return_exceptions=True)
            self.client.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End the run: open exchanges are cut, and counted up to here."""
        self._is_stopped = True
        for task in (self._load, *self._tasks):
            if task is not None:
                task.cancel()

    def progress(self) -> Progress:
        """The state of the run."""
        now = monotonic_ns()
        # Conversations of several turns begin further exchanges.
        draining = self._load is not None and self._load.done() and self.job.request.turns == 1
        seconds, warming_up = (now - self.start) / SECOND, now < self.count_from
        return Progress(seconds, self.open, self.summary, warming_up, draining)

    @property
    def task_count(self) -> int:
        """Tasks that have not ended: one for each exchange, or each slot of a closed loop."""
        return len(self._tasks)

    async def _closed_loop(self) -> None:
        numbers, slots = count(self.share.index, self.share.processes), set[int]()

        async def fill(slot: int) -> None:
            try:
                while self._may_begin(now := monotonic_ns()) and slot < self._level(now):
                    record = await self._converse(next(numbers), self._count_begin(now))
                    if not record.sent:
                        await asyncio.sleep(PAUSE)
            finally:
                slots.discard(slot)

        while self._may_begin(now := monotonic_ns()):
            for slot in range(self.share.index, ceil(self._level(now)), self.share.processes):
                if slot not in slots:
                    slots.add(slot)
                    self._spawn(fill(slot))
            with suppress(TimeoutError):
                async with asyncio.timeout(STEP):
                    await self._all_begun.wait()

    async def _open_loop(self) -> None:
        job, share = self.job, self.share
        most = share.part(job.max_open)
        due = enumerate(job.arrival_times())
        for n, offset in islice(due, share.index, None, share.processes):
            planned = self.start + offset
            if not self._may_begin(planned):
                return
            request = self.client.encode(
                n
            )  # before it is due, since encoding a long prompt takes time
            await sleep_until(planned)
            counts = self._count_begin(planned)
            if len(self._tasks) < most:
                self._spawn(self._converse(n, counts, planned, request))
            elif counts:
                self.summary.unsent += 1

    def _level(self, at: int) -> float:
        return self.job.profile.level((at - self.start) / SECOND)

    def _may_begin(self, at: int) -> bool:
        return self._left != 0 and self._is_within(at)

    def _is_within(self, at: int) -> bool:
        return at - self.start < self.job.seconds * SECOND

    def _grace_left(self) -> float:
        return self.job.grace - (monotonic_ns() - self._last_due) / SECOND

    def _count_begin(self, at: int) -> bool:
        """Count an exchange that is due at ``at`` against their number; False in the warm-up."""
        counts = at >= self.count_from
        if counts and self._left is not None:
            self._left -= 1
            if not self._left:
                self._all_begun.set()
        return counts

    async def _converse(
        self, n: int, counts: bool, planned: int = 0, request: bytes = b""
    ) -> Record:
        """Run the exchanges of conversation ``n``, in most cases one, and return the last record.

        ``planned``: when it is due in an open loop; ``request``: its first one, if it is encoded.
        """
        encode = self.client.encode
        turns, answers, room = encode.turns(n), list[str](), MAX_TEXT
        request = request or encode(n)
        while True:
            answer = AnswerText(room) if len(answers) + 1 < turns else None
            record = Record(planned, turn=len(answers) + 1)
            await self._exchange(record, request, counts, answer)
            text = answer.text if answer and record.end == "complete" else ""
            if not text:
                return record
            answers.append(text)
            room -= len(text)
            request = encode(n, answers)
            due = record.ended + round(self.job.think_time * SECOND)
            if not self._is_within(due):
                return record
            self._last_due = max(self._last_due, due)
            await sleep_until(due)
            counts = due >= self.count_from
            planned = due if planned else 0

    async def _exchange(
        self, record: Record, request: bytes, counts: bool, answer: AnswerText | None
    ) -> None:
        planned = record.planned
        counter = self._counter(record) if counts else None
        flow = self.summary.flow
        self.open += 1
        if flow is not None:
            flow.on_begin(monotonic_ns())
        try:
            await self.client.run(record, request, counter, answer)
        finally:
            self.open -= 1
            if flow is not None:
                flow.on_end(monotonic_ns(), record.end == "complete")
            if counts:
                if planned:
                    add_value(self.summary.start_late, record.began - planned)
                self.summary.add(record)
                self._on_record(record)
            else:
                self.summary.warmed += 1

    def _counter(self, record: Record) -> EventCounter:
        if self.job.sends_records:
            return KeepingCounter(self.summary, record)
        return self.summary.event_counter(record)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_end)

    def _on_task_end(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self.stop()


async def sleep_until(due: int) -> None:
    """Sleep until a time of ``time.monotonic_ns``; other tasks run even if it is past.

    A timer may fire early by the resolution of its loop's clock: uvloop's by half a ms.
    """
    await asyncio.sleep(max(due - monotonic_ns(), 0) / SECOND)
    while (left := due - monotonic_ns()) > 0:
        await asyncio.sleep(left / SECOND)


class LagProbe:
    """Measures how late the event loop runs timers: the delay that it adds to all figures.

    Ticks have fixed times. If the loop is blocked for several, each is counted: a loop that is
    blocked for a second is late for a second of the run, not once.
    """

    def __init__(self, lags: Any, begin: int) -> None:
        """``lags``: a histogram. ``begin``: the time of the first tick."""
        self._lags = lags
        self._due = begin
        self._loop = asyncio.get_running_loop()
        self._timer = self._arm(monotonic_ns())

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()

    def _arm(self, now: int) -> asyncio.TimerHandle:
        return self._loop.call_later(max(self._due - now, 0) / SECOND, self._tick)

    def _tick(self) -> None:
        now = monotonic_ns()
        while self._due <= now:
            add_value(self._lags, now - self._due)
            self._due += TICK
        self._timer = self._arm(now)
