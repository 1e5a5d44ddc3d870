"""A run over several processes: each executes its share, and their figures are merged.

A process measures on one core. The parent measures nothing, so showing the progress affects no
figures; even a run of one process has a parent.
"""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job
from streamserver.lab.load.worker import LONGEST, read_message, write_message
from streamserver.lab.report.live import Progress
from streamserver.lab.report.summary import Summary

AHEAD = 50_000_000
"""Nanoseconds from the order to start to the start, in which it reaches all processes."""


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
        """End the run early; ``run`` returns the figures so far."""
        self._stopped = True
        for process in self._processes:
            process.order(stop=True)

    async def _begin(self) -> None:
        job = self._job.to_json()
        for number in range(self._count):
            # A session of its own, since an interrupt of the terminal must reach the parent alone.
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, limit=LONGEST, start_new_session=True
            )
            self._processes.append(_WorkerProcess(number, child, self))
            self._processes[number].order(job=job, share=[number, self._count])
        for process in self._processes:
            if problem := await process.ready():
                raise CannotRun(problem)
        if self._stopped:
            raise CannotRun("it was stopped before it began")
        begin = monotonic_ns() + AHEAD
        for process in self._processes:
            process.order(start=begin)

    async def _follow(self) -> None:
        """Read reports until all processes are done."""
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
        """A process has reported its progress."""
        if all(process.has_news or process.summary is not None for process in self._processes):
            for process in self._processes:
                process.has_news = False
            parts = [one.progress for one in self._processes if one.progress is not None]
            self._on_progress(merge(parts))


def merge(parts: Sequence[Progress]) -> Progress:
    """The progress of several processes as one."""
    summary = Summary()
    for one in parts:
        summary.merge(one.summary)
    return Progress(
        max(one.seconds for one in parts),
        sum(one.open for one in parts),
        summary,
        any(one.warming_up for one in parts),
    )


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
                self._coordinator.on_record(Record.from_json(message["record"]))
            elif "progress" in message:
                seconds, number, warming_up = message["progress"]
                summary = Summary.from_json(message["summary"])
                self.progress = Progress(seconds, number, summary, warming_up)
                self.has_news = True
                self._coordinator.on_progress()
            else:
                self.summary = Summary.from_json(message["done"])
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
        return read_message(await self._output.readline())

    async def _death(self) -> str:
        status = await self._process.wait()
        return f"process {self._number + 1} ended early, with status {status}"
