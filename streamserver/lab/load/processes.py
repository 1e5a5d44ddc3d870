"""A run over several processes: each executes its share, and their figures are merged.

A process measures on one core. The parent measures nothing, so showing the progress affects no
figures; even a run of one process has a parent. A message is a pickled dict on a pipe, after its
length in four bytes; only this program has an end of the pipe:

To a worker:    {"job": Job, "share": Share}, then {"start": TIME}, or {"stop": True}
From a worker:  {"ready": True} or {"problem": TEXT}; every second {"progress": ...}; on request
                {"record": Record} for each exchange, without its events; finally {"done": SUMMARY}

Times are those of ``time.monotonic_ns``, which all processes of a machine share. A worker whose
pipe ends before its final message has died; a worker whose input ends has lost its parent.
"""

import asyncio
import pickle
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic_ns
from typing import Any, BinaryIO

from streamserver.lab.client.record import Record
from streamserver.lab.load.job import SECOND, Job, Share
from streamserver.lab.load.run import Run, sleep_until
from streamserver.lab.pauses import avoid_pauses
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.summary import Summary

AHEAD = 50_000_000
"""Nanoseconds from the order to start to the start, in which it reaches all processes."""


def write_message(message: dict[str, Any]) -> bytes:
    """A message with its length."""
    data = pickle.dumps(message)
    return len(data).to_bytes(4) + data


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message; None if the sender has died, perhaps while it sent one."""
    try:
        size = int.from_bytes(await reader.readexactly(4))
        message: dict[str, Any] = pickle.loads(await reader.readexactly(size))
    except asyncio.IncompleteReadError:
        return None
    return message


def read_job(orders: BinaryIO) -> tuple[Job, Share]:
    """The job, and the share of this process; EOFError if the parent is gone."""
    size = int.from_bytes(orders.read(4))
    data = orders.read(size)
    if not data or len(data) < size:
        raise EOFError("there is no job")
    message = pickle.loads(data)
    return message["job"], message["share"]


async def work(job: Job, share: Share, orders: BinaryIO, figures: BinaryIO) -> None:
    """Execute the share as ordered on one pipe, and report on the other."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), orders)
    outgoing, protocol = await loop.connect_write_pipe(_Output, figures)
    try:
        await _execute(job, share, reader, lambda **sent: outgoing.write(write_message(sent)))
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


async def _execute(
    job: Job, share: Share, orders: asyncio.StreamReader, send: Callable[..., None]
) -> None:
    def on_record(record: Record) -> None:
        send(record=replace(record, arrivals=array("q"), stamp_numbers=array("q")))

    try:
        run = Run(job, share, on_record if job.sends_records else None)
        await run.prepare()
    except OSError as error:
        send(problem=str(error))
        return
    send(ready=True)
    order = await read_message(orders)
    if order is None or "start" not in order:
        return
    avoid_pauses()
    tasks = [asyncio.create_task(one) for one in (_await_stop(run, orders), _report(run, send))]
    try:
        await run.execute(order["start"])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    send(done=await run.summary.pack())


async def _await_stop(run: Run, orders: asyncio.StreamReader) -> None:
    """Stop on order, or when the parent is gone."""
    await read_message(orders)
    run.stop()


async def _report(run: Run, send: Callable[..., None]) -> None:
    """Report the progress every second of the shared clock."""
    for number in count(1):
        await sleep_until(run.start + number * SECOND)
        now = run.progress()
        states = (now.warming_up, now.draining)
        send(progress=(now.seconds, now.open, await now.summary.pack(whole=False), *states))


class CannotRun(Exception):
    """The run could not begin; the message gives the reason."""


@dataclass(slots=True)
class Result:
    """The figures of a run."""

    summary: Summary = field(default_factory=Summary)
    problems: list[str] = field(default_factory=list)
    """What makes the measurement invalid: processes that died."""


class Coordinator:
    """Starts, observes and stops the processes of one run."""

    def __init__(
        self,
        job: Job,
        processes: int,
        command: Sequence[str],
        on_progress: Callable[[Progress], object] = lambda now: None,
        on_record: Callable[[Record], object] = lambda record: None,
    ) -> None:
        """``command`` starts a process that reads its orders from standard input.

        ``on_progress`` is called every second, when all processes have reported; ``on_record`` for
        each exchange that counts, if the job ``sends_records``.
        """
        self._job = job
        self._count = processes
        self._command = command
        self._on_progress = on_progress
        self.on_record = on_record
        self._processes: list[_WorkerProcess] = []
        self._stopped = False

    async def run(self) -> Result:
        """Run to the end; CannotRun if not all processes could begin."""
        try:
            await self._begin()
            await self._follow()
        finally:
            for process in self._processes:
                await process.end()
        result = Result()
        for process in self._processes:
            if process.summary is not None:
                result.summary.merge(process.summary)
            if process.problem:
                result.problems.append(f"{process.problem}, of {self._count}")
        return result

    def stop(self) -> None:
        """End the run; ``run`` returns the figures so far."""
        self._stopped = True
        for process in self._processes:
            process.order(stop=True)

    async def _begin(self) -> None:
        for number in range(self._count):
            # A session of its own, since an interrupt of the terminal must reach the parent alone.
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
            self._processes.append(_WorkerProcess(number, child, self))
            self._processes[number].order(job=self._job, share=Share(number, self._count))
        for process in self._processes:
            if problem := await process.ready():
                raise CannotRun(problem)
        if self._stopped:
            raise CannotRun("it was stopped before it began")
        begin = monotonic_ns() + AHEAD
        for process in self._processes:
            process.order(start=begin)

    async def _follow(self) -> None:
        tasks = [asyncio.create_task(self._follow_one(process)) for process in self._processes]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow_one(self, process: "_WorkerProcess") -> None:
        await process.follow()
        if process.problem and not self._stopped:
            self.stop()  # The figures lack its share.

    def on_progress(self) -> None:
        """Report the progress of all processes, once each has reported its own."""
        if not all(one.has_news or one.summary is not None for one in self._processes):
            return
        summary, parts = Summary(), []
        for process in self._processes:
            process.has_news = False
            if process.progress is not None:
                parts.append(process.progress)
                summary.merge(process.progress.summary)
        seconds, open_now = max(one.seconds for one in parts), sum(one.open for one in parts)
        warming_up = any(one.warming_up for one in parts)
        running = [one.progress for one in self._processes if one.summary is None]
        draining = all(one is not None and one.draining for one in running)
        self._on_progress(Progress(seconds, open_now, summary, warming_up, draining))


class _WorkerProcess:
    def __init__(self, number: int, process: Process, coordinator: Coordinator) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.progress: Progress | None = None
        self.has_news = False
        """Whether it reported its progress since that of all was shown."""
        self.summary: Summary | None = None
        """Of its whole share, or, if it died, of its last report."""
        self.problem = ""
        self._number = number
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._coordinator = coordinator

    def order(self, **message: Any) -> None:
        """Send an order; to a dead process it is lost, and ``follow`` reports the death."""
        with suppress(OSError):
            self._input.write(write_message(message))

    async def ready(self) -> str:
        """Why it cannot begin; "" if it can."""
        message = await self._read()
        return await self._death() if message is None else str(message.get("problem", ""))

    async def follow(self) -> None:
        """Process its reports until it is done, or dead."""
        while message := await self._read():
            if "record" in message:
                self._coordinator.on_record(message["record"])
            elif "progress" in message:
                seconds, number, packed, *states = message["progress"]
                self.progress = Progress(seconds, number, Summary.unpack(packed), *states)
                self.has_news = True
                self._coordinator.on_progress()
            else:
                self.summary = Summary.unpack(message["done"])
                return
        self.summary = None if self.progress is None else self.progress.summary
        self.problem = await self._death()

    async def end(self) -> None:
        """Wait for its end; kill it unless it is done."""
        self._input.close()
        if self.summary is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

    async def _read(self) -> dict[str, Any] | None:
        return await read_message(self._output)

    async def _death(self) -> str:
        status = await self._process.wait()
        return f"process {self._number + 1} ended early, with status {status}"
