"""A process that takes its share of a run: orders come by one pipe, figures go by another."""

import asyncio
import gc
from itertools import count
from typing import Any, BinaryIO

from streamserver.lab.client.record import Record
from streamserver.lab.load import messages
from streamserver.lab.load.job import Job, Share, read_job
from streamserver.lab.load.run import Run

EVERY = 1_000_000_000
"""Nanoseconds between two messages that tell of the progress."""
SPARE = 50_000
"""Objects that may be made before garbage is looked for: a look takes as long as some events."""


def first_order(orders: BinaryIO) -> tuple[Job, Share]:
    """The job, and which part of it is this process's."""
    told = messages.read(orders.readline())
    if told is None:
        raise EOFError("there is no job")
    return read_job(told["job"]), Share(*told["share"])


async def serve(job: Job, share: Share, orders: BinaryIO, figures: BinaryIO) -> None:
    """Do the share of the job, as ordered."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(messages.LONGEST)
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), orders)
    outgoing, written = await loop.connect_write_pipe(_Written, figures)
    try:
        await _Child(job, share, reader, outgoing).live()
    finally:
        incoming.close()
        outgoing.close()
        await written.closed


class _Written(asyncio.BaseProtocol):
    """Knows when all that was written has gone out."""

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


class _Child:
    def __init__(
        self,
        job: Job,
        share: Share,
        orders: asyncio.StreamReader,
        figures: asyncio.WriteTransport,
    ) -> None:
        self._orders = orders
        self._figures = figures
        self._job = job
        self._share = share

    async def live(self) -> None:
        try:
            run = Run(self._job, self._share, self._tell_record if self._job.tells else None)
            await run.prepare()
        except OSError as error:
            self._tell(problem=str(error))
            return
        self._tell(ready=True)
        start = await self._order()
        if start is None or "start" not in start:
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(SPARE, 20, 100)
        beside = [asyncio.create_task(one) for one in (self._obey(run), self._tell_progress(run))]
        try:
            await run.go(start["start"])
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        self._tell(done=run.summary.to_json())

    async def _order(self) -> dict[str, Any] | None:
        return messages.read(await self._orders.readline())

    async def _obey(self, run: Run) -> None:
        """Stop when the parent says so, or has gone."""
        await self._order()
        run.stop()

    async def _tell_progress(self, run: Run) -> None:
        # By the clock that all share, so that the parent has the same moment of each.
        for number in count(1):
            await run.sleep_until(run.start + number * EVERY)
            now = run.progress()
            told = await now.summary.snapshot()
            self._tell(progress=[now.seconds, now.open, now.warming_up], summary=told)

    def _tell_record(self, record: Record) -> None:
        self._tell(record=record.to_json(whole=False))

    def _tell(self, **message: Any) -> None:
        self._figures.write(messages.write(message))
