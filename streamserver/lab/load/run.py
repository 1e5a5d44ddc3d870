"""A run in one process: it begins exchanges as the job wants, and counts what they come to."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.load.closed import closed_loop
from streamserver.lab.load.job import Job, Share
from streamserver.lab.load.opened import open_loop
from streamserver.lab.load.ticker import Ticker
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.live import Progress
from streamserver.lab.report.summary import Summary

SECOND = 1_000_000_000


class Run:
    """One process's share of a job. ``prepare`` it, then ``go``.

    ``tell`` gets each record that counts, as soon as its exchange is over.
    """

    def __init__(
        self, job: Job, share: Share | None = None, tell: Callable[[Record], object] | None = None
    ) -> None:
        self.job = job
        self.share = share or Share()
        self.summary = Summary()
        self.client: Client = job.client()
        self.open = 0
        """Exchanges that have begun and not ended."""
        self.start = 0
        """When the load begins, by ``time.monotonic_ns``; ``count_from``: when figures do."""
        self.count_from = 0
        self._tell = tell or (lambda record: None)
        self._left = None if job.count is None else self.share.part(job.count)
        self._tasks: set[asyncio.Task[object]] = set()
        self._stop, self._enough = asyncio.Event(), asyncio.Event()
        self._failure: BaseException | None = None

    async def prepare(self) -> None:
        """Resolve the name; OSError if that is not possible."""
        await self.client.place.resolve()
        self.summary.resolving = self.client.place.resolving

    async def go(self, start: int) -> None:
        """Begin at a moment of ``time.monotonic_ns``; returns when all exchanges are over."""
        self.start, self.count_from = start, start + round(self.job.warm_up * SECOND)
        await self.sleep_until(start)
        ticker = Ticker(self.summary.loop_lag, self.count_from)
        loop = open_loop(self) if self.job.rate is not None else closed_loop(self)
        feeding, stopping = asyncio.create_task(loop), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([feeding, stopping], return_when=asyncio.FIRST_COMPLETED)
            if feeding.done():
                feeding.result()
            if self._tasks and not stopping.done():
                rest = asyncio.create_task(asyncio.wait(self._tasks))
                await asyncio.wait(
                    [rest, stopping],
                    timeout=self.job.grace,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                rest.cancel()
        finally:
            ticker.stop()
            await _end([feeding, stopping, *self._tasks])
            self.client.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End it now: what is open is cut, and the figures so far are those of the run."""
        self._stop.set()

    def progress(self) -> Progress:
        """How far it has come."""
        now = monotonic_ns()
        return Progress((now - self.start) / SECOND, self.open, self.summary, now < self.count_from)

    # What the loops use.

    @property
    def busy(self) -> int:
        """What was spawned and has not ended."""
        return len(self._tasks)

    def level(self, at: int) -> float:
        """The rate or concurrency that is wanted at a moment."""
        return self.job.profile.level((at - self.start) / SECOND)

    def may_begin(self, at: int) -> bool:
        """Whether an exchange may still begin at a moment."""
        return self._left != 0 and at - self.start < self.job.seconds * SECOND

    def take(self, at: int) -> bool:
        """Count an exchange that begins, or should, at a moment against the number of them;
        whether it will count in the figures."""
        counts = at >= self.count_from
        if counts and self._left is not None:
            self._left -= 1
            if not self._left:
                self._enough.set()
        return counts

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Run it beside others; it is cut when the run is stopped."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def exchange(self, n: int, counts: bool, planned: int = 0) -> Record:
        """Ask once. ``planned``: when an open loop has it begin."""
        record = Record(planned)
        flow = self.summary.flow(record) if counts else None
        self.open += 1
        try:
            await self.client.run(record, n, flow)
        finally:
            self.open -= 1
            if counts:
                if planned:
                    count(self.summary.start_late, record.began - planned)
                self.summary.add(record)
                self._tell(record)
            else:
                self.summary.warmed += 1
        return record

    async def sleep_until(self, moment: int) -> None:
        """Wait for a moment; others have their turn even if it is past.

        A loop's timers may be early by as much as its clock is coarse: uvloop's by half a ms.
        """
        await asyncio.sleep(max(moment - monotonic_ns(), 0) / SECOND)
        while (left := moment - monotonic_ns()) > 0:
            await asyncio.sleep(left / SECOND)

    async def until_over(self, seconds: float) -> None:
        """Wait so long, or until the number of exchanges has begun."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._enough.wait()

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self.stop()


async def _end(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
