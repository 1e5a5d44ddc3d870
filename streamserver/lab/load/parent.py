"""Several processes for one run: each takes its share, and the parent makes one of their figures.

A process measures on one core. The parent measures nothing; so what it shows while the run goes
on disturbs no figures, and even a run of one process has a parent.
"""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.load import messages
from streamserver.lab.load.job import Job, write_job
from streamserver.lab.report.live import Progress
from streamserver.lab.report.summary import Summary

AHEAD = 50_000_000
"""Nanoseconds from the order to start to the start: so that all have heard it by then."""


class CannotRun(Exception):
    """The run could not begin; the message says why."""


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    summary: Summary = field(default_factory=Summary)
    problems: list[str] = field(default_factory=list)
    """What makes the measurement not valid: processes that died."""


@dataclass(slots=True)
class Watcher:
    """Who is told of a run while it goes on."""

    show: Callable[[Progress], object] = lambda now: None
    """How far it has come, every second: when all have told it."""
    tell: Callable[[Record], object] = lambda record: None
    """Each exchange that counts, if the job ``tells``."""


class Family:
    """The processes of one run. ``run`` it; ``stop`` ends it early, with the figures so far."""

    def __init__(
        self, job: Job, processes: int, command: Sequence[str], watcher: Watcher | None = None
    ) -> None:
        """``command``: what starts a process that reads its orders from standard input."""
        self._job = job
        self._command = command
        self._watcher = watcher or Watcher()
        self._children = [_Member(number, self) for number in range(processes)]
        self._stopped = False

    async def run(self) -> Outcome:
        """What it came to; CannotRun if not all processes could begin."""
        try:
            await self._begin()
            await self._watch()
        finally:
            for child in self._children:
                await child.end()
        outcome = Outcome()
        for child in self._children:
            if child.summary is not None:
                outcome.summary.merge(child.summary)
            if child.problem:
                outcome.problems.append(f"{child.problem}, of {len(self._children)}")
        return outcome

    def stop(self) -> None:
        """End it now."""
        self._stopped = True
        for child in self._children:
            child.order(stop=True)

    async def _begin(self) -> None:
        for child in self._children:
            await child.start(self._command)
            child.order(job=write_job(self._job), share=[child.number, len(self._children)])
        for child in self._children:
            if problem := await child.ready():
                raise CannotRun(problem)
        if self._stopped:
            raise CannotRun("it was stopped before it began")
        begin = monotonic_ns() + AHEAD
        for child in self._children:
            child.order(start=begin)

    async def _watch(self) -> None:
        """Until all are done; one that dies ends the run of all, since figures lack its share."""
        listening = {asyncio.create_task(child.listen()): child for child in self._children}
        try:
            waiting = set(listening)
            while waiting:
                ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
                    if listening[task].problem and not self._stopped:
                        self.stop()
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    def record(self, record: Record) -> None:
        """One of them tells of an exchange."""
        self._watcher.tell(record)

    def progress(self) -> None:
        """One of them tells how far it is."""
        if all(child.has_news or child.summary is not None for child in self._children):
            for child in self._children:
                child.has_news = False
            told = [child.progress for child in self._children if child.progress is not None]
            self._watcher.show(together(told))


def together(parts: Sequence[Progress]) -> Progress:
    """The progress of several processes as that of one."""
    summary = Summary()
    for one in parts:
        summary.merge(one.summary)
    return Progress(
        max(one.seconds for one in parts),
        sum(one.open for one in parts),
        summary,
        any(one.warming_up for one in parts),
    )


class _Member:
    """One process, as its parent sees it."""

    def __init__(self, number: int, family: Family) -> None:
        self.number = number
        self.progress: Progress | None = None
        self.has_news = False
        """Whether it told its progress since that of all was shown."""
        self.summary: Summary | None = None
        """Of its whole share; of what it told, if it died."""
        self.problem = ""
        self._family = family
        self._process: Process | None = None

    async def start(self, command: Sequence[str]) -> None:
        # A session of its own: an interrupt of the terminal is for the parent alone.
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, limit=messages.LONGEST, start_new_session=True
        )

    def order(self, **message: Any) -> None:
        """Write to it; one that has gone hears nothing, which is seen where it is listened to."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.write(messages.write(message))

    async def ready(self) -> str:
        """Why it cannot begin; "" if it can."""
        message = await self._heard()
        if message is None:
            return await self._death()
        return str(message.get("problem", ""))

    async def listen(self) -> None:
        """Take in what it says until it is done, or dead."""
        while message := await self._heard():
            if "record" in message:
                self._family.record(Record.from_json(message["record"]))
            elif "progress" in message:
                seconds, number, warming_up = message["progress"]
                summary = Summary.from_json(message["summary"])
                self.progress = Progress(seconds, number, summary, warming_up)
                self.has_news = True
                self._family.progress()
            else:
                self.summary = Summary.from_json(message["done"])
                return
        self.summary = None if self.progress is None else self.progress.summary
        self.problem = await self._death()

    async def end(self) -> None:
        """Let go of it; what still runs is killed."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.summary is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

    async def _heard(self) -> Mapping[str, Any] | None:
        assert self._process is not None
        assert self._process.stdout is not None
        return messages.read(await self._process.stdout.readline())

    async def _death(self) -> str:
        assert self._process is not None
        return f"process {self.number + 1} ended early, with status {await self._process.wait()}"
