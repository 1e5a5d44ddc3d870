"""A process that executes its share of a run, and the messages that it exchanges with its parent.

A message is a line of JSON on a pipe:

To a worker:    {"job": ..., "share": [1, 4]}, then {"start": TIME}, or {"stop": true}
From a worker:  {"ready": true} or {"problem": TEXT}; every second {"progress": ...}; on request
                {"record": ...} for each exchange; finally {"done": SUMMARY}

Times are those of ``time.monotonic_ns``, which all processes of a machine share. A worker whose
pipe ends before its final message has died; a worker whose input ends has lost its parent.
"""

import asyncio
import gc
import json
from itertools import count
from typing import Any, BinaryIO

from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job, Share
from streamserver.lab.load.profile import SECOND
from streamserver.lab.load.run import Run, sleep_until
from streamserver.wire.json_text import to_ascii_json

LONGEST = 256 * 1024 * 1024
"""Bytes of a message."""
GC_THRESHOLD = 50_000
"""New objects before a garbage collection, which takes as long as several events."""


def write_message(message: dict[str, Any]) -> bytes:
    """A message as a line."""
    return to_ascii_json(message).encode() + b"\n"


def read_message(line: bytes) -> dict[str, Any] | None:
    """The message of a line; None for one that is cut because the sender died."""
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    return message


def read_job(orders: BinaryIO) -> tuple[Job, Share]:
    """The job, and the share of this process; EOFError if the parent is gone."""
    message = read_message(orders.readline())
    if message is None:
        raise EOFError("there is no job")
    return Job.from_json(message["job"]), Share(*message["share"])


async def work(job: Job, share: Share, orders: BinaryIO, figures: BinaryIO) -> None:
    """Execute the share as ordered on one pipe, and report on the other."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LONGEST)
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), orders)
    outgoing, protocol = await loop.connect_write_pipe(_Output, figures)
    try:
        await _Worker(job, share, reader, outgoing).run()
    finally:
        incoming.close()
        outgoing.close()
        await protocol.closed


class _Output(asyncio.BaseProtocol):
    """Signals when everything has been written."""

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


class _Worker:
    def __init__(
        self, job: Job, share: Share, orders: asyncio.StreamReader, out: asyncio.WriteTransport
    ) -> None:
        self._job = job
        self._share = share
        self._orders = orders
        self._out = out

    async def run(self) -> None:
        try:
            on_record = self._send_record if self._job.sends_records else None
            run = Run(self._job, self._share, on_record)
            await run.prepare()
        except OSError as error:
            self._send(problem=str(error))
            return
        self._send(ready=True)
        order = await self._next_order()
        if order is None or "start" not in order:
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 100)
        tasks = [asyncio.create_task(one) for one in (self._await_stop(run), self._report(run))]
        try:
            await run.execute(order["start"])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._send(done=run.summary.to_json())

    async def _next_order(self) -> dict[str, Any] | None:
        return read_message(await self._orders.readline())

    async def _await_stop(self, run: Run) -> None:
        """Stop on order, or when the parent is gone."""
        await self._next_order()
        run.stop()

    async def _report(self, run: Run) -> None:
        """Report the progress every second of the shared clock."""
        for number in count(1):
            await sleep_until(run.start + number * SECOND)
            now = run.progress()
            summary = await now.summary.snapshot()
            self._send(progress=[now.seconds, now.open, now.warming_up], summary=summary)

    def _send_record(self, record: Record) -> None:
        self._send(record=record.to_json(whole=False))

    def _send(self, **message: Any) -> None:
        self._out.write(write_message(message))
