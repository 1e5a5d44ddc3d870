"""The client against the lab's own target: up to which load figures are valid on this machine.

The loads rise until the measured figures differ from the commanded ones. The target stamps when it
sent each event, so any difference is the delay between the two processes and the client itself.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import KEPT, Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.report.counts import APART
from streamserver.lab.report.histograms import MS, ms, new_histogram
from streamserver.lab.report.histograms import record as count
from streamserver.wire.printable import printable

LOADS: Sequence[tuple[int, float]] = (
    *((1, 10), (10, 20), (20, 50), (50, 50), (100, 50), (100, 100)),
    *((200, 100), (300, 100), (400, 100), (500, 100), (600, 100), (1000, 100)),
)
"""Concurrent streams, and events per second of each."""
FIRST_DELAY = 0.1
"""Seconds before the first event of each stream."""
SPREAD = 1.0
"""Seconds over which the streams of a level begin."""
OPTIONS = "STREAMSERVER_"
START_TIMEOUT = 20.0
"""Seconds in which the target must listen."""
_ROW = "{:>8}{:>10}{:>10}{:>20}{:>20}{:>20}{:>10}  {}"
HEADING = _ROW.format(
    *("streams", "events/s", "events", "first event, ms"),
    *("each event, ms", "target late, ms", "joined", ""),
)
_listening = re.compile(rb"listening on (\S+)").match


class TargetFailed(Exception):
    """The target does not listen; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The errors up to which figures are valid, in ns."""

    first_p50: int = 3 * MS
    first_p99: int = 10 * MS
    """Of the delay of the first event beyond the commanded one."""
    gap: int = 10 * MS
    """By how much the p99 of gaps may be shorter than the target's."""
    joined: float = 0.01
    """The share of events that may arrive in one read with the event before, whose gap is lost."""


@dataclass(slots=True)
class Level:
    """The errors at one load: concurrent streams, each with events at a rate per second."""

    streams: int
    rate: float
    each: int
    """Events of a stream; a stream with another number has failed."""
    first_excess: Any = field(default_factory=new_histogram)
    """The delay of the first event beyond the commanded one, from the request on."""
    delay: Any = field(default_factory=new_histogram)
    """From the sending of an event by the target to its arrival."""
    shortened: Any = field(default_factory=new_histogram)
    """By how much a gap is shorter than the target's; 1 ns for one that is not."""
    target_late: Any = field(default_factory=new_histogram)
    events: int = 0
    joined: int = 0
    """Events that arrived in one read with the one before, though they were sent apart."""
    failed: int = 0
    reason: str = ""
    """Why the first of them failed."""

    def add(self, record: Record, first_delay: int) -> None:
        """Count one exchange, whose first event was due ``first_delay`` ns after the head."""
        if reason := self._failure(record):
            self.failed += 1
            self.reason = self.reason or reason
            return
        count(self.first_excess, record.first_event - record.sent - first_delay)
        before = None
        for stamp, arrival in zip(record.stamps, record.arrivals, strict=True):
            self.events += 1
            count(self.delay, arrival - stamp.sent)
            count(self.target_late, stamp.late)
            if before is not None:
                sent_gap, gap = stamp.sent - before[0], arrival - before[1]
                count(self.shortened, sent_gap - gap)
                self.joined += gap == 0 and sent_gap >= APART
            before = stamp.sent, arrival

    def _failure(self, record: Record) -> str:
        if record.end != "complete":
            return f"{record.end} {record.detail or record.status or ''}".strip()
        stamped = len(record.stamps)
        if stamped != self.each or len(record.arrivals) != self.each:
            return f"{stamped} of {self.each} stamped events arrived"
        return ""

    def errors(self, tolerance: Tolerance) -> list[str]:
        """What exceeds the tolerance; empty if the figures are valid."""
        limits = (
            ("first event p50", self.first_excess, 50, tolerance.first_p50),
            ("first event p99", self.first_excess, 99, tolerance.first_p99),
            ("gaps", self.shortened, 99, tolerance.gap),
        )
        found = [(name, ms(one, p), most / MS) for name, one, p, most in limits]
        errors = [f"{name} {value:.1f} ms off" for name, value, most in found if value > most]
        if self.joined > tolerance.joined * self.events:
            errors.append(f"{self.joined} events joined")
        if self.failed:
            errors.append(f"{self.failed} streams failed: {self.reason}")
        return errors

    def row(self, tolerance: Tolerance) -> str:
        """A line of the table below ``HEADING``, with p50 and p99 of each histogram."""
        row = _ROW.format(
            self.streams,
            f"{self.streams * self.rate:,.0f}",
            f"{self.events:,}",
            *map(_percentiles, (self.first_excess, self.delay, self.target_late)),
            self.joined,
            ", ".join(self.errors(tolerance)) or "valid",
        )
        return printable(row.rstrip())


def _percentiles(histogram: Any) -> str:
    if not histogram.get_total_count():
        return "-"
    return f"{ms(histogram, 50):.2f}, p99 {ms(histogram, 99):.2f}"


async def calibrate(
    url: str, seconds: float, tolerance: Tolerance, loads: Sequence[tuple[int, float]] = LOADS
) -> AsyncIterator[Level]:
    """Yield the measured levels, up to the first that is not valid.

    A level that is not valid is measured twice, since another program may have used the machine.
    ``url``: of a lab target. ``seconds``: the duration of each stream; ValueError if a stream has
    more events than a record keeps.
    """
    if seconds * max([rate for _, rate in loads]) > KEPT:
        raise ValueError(f"at {loads[-1][1]:g} events/s a stream has {KEPT} within fewer seconds")
    for streams, rate in loads:
        level = await measure(url, streams, rate, seconds)
        if level.errors(tolerance):
            level = await measure(url, streams, rate, seconds)
        yield level
        if level.errors(tolerance):
            return


async def measure(url: str, streams: int, rate: float, seconds: float) -> Level:
    """Measure one level."""
    level = Level(streams, rate, round(rate * seconds))
    query = f"count={level.each}&gap={1 / rate:.9f}&first_byte_delay={FIRST_DELAY}&stamps=1"
    client = Client(RequestSpec(f"{url}/sse?{query}"))
    random = Random(streams)

    async def stream() -> Record:
        await asyncio.sleep(random.random() * SPREAD)
        return await client.exchange()

    try:
        for record in await asyncio.gather(*[stream() for _ in range(streams)]):
            level.add(record, round(FIRST_DELAY * 1e9))
    finally:
        client.close()
    return level


def highest_valid(levels: Sequence[Level], tolerance: Tolerance) -> Level | None:
    """The last level before the first that is not valid; None if that is the first of all."""
    found = None
    for level in levels:
        if level.errors(tolerance):
            break
        found = level
    return found


def conclusion(levels: Sequence[Level], highest: Level | None) -> str:
    """The result in words; ``highest``: that of ``highest_valid``."""
    if highest is None and not levels[-1].events:
        return printable(f"Nothing was measured: all streams failed: {levels[-1].reason}")
    if highest is None:
        return "On this machine, as busy as it is now, not even the lowest load can be measured."
    load = f"{highest.streams:,} streams of {highest.rate:g} events/s"
    rate = highest.streams * highest.rate
    return f"Figures are valid up to {load}, {rate:,.0f} events/s for each process of the client."


@asynccontextmanager
async def own_target(loop: str) -> AsyncIterator[str]:
    """The URL of a target in a process of its own, on the event loop of this name.

    Options of the environment do not apply to it. TargetFailed if it does not listen.
    """
    variables = {name: os.environ[name] for name in os.environ if not name.startswith(OPTIONS)}
    options = ["--port", "0", "--loop", loop, "--no-access-log", "--no-metrics"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streamserver", "target", *options),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=variables,
    )
    assert process.stdout is not None
    url, output = "", b""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                while not url and (line := await process.stdout.readline()):
                    output += line
                    if found := _listening(line):
                        url = found[1].decode()
        if not url:
            reason = output.decode(errors="replace").strip() or f"not within {START_TIMEOUT:g} s"
            raise TargetFailed(f"the target does not start: {reason}")
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
