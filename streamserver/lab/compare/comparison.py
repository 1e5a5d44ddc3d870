"""Rounds: in each, one request is sent to every URL, in a random order.

The exchanges of a round follow each other directly, so the load of the machine affects all alike,
and differences are taken within rounds. One client in one process measures all.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from time import monotonic_ns

from streamserver.lab.client.client import Client
from streamserver.lab.client.record import Record
from streamserver.lab.compare.pairs import Hop, Pair
from streamserver.lab.load.job import Job
from streamserver.lab.load.run import LagProbe
from streamserver.lab.report.histograms import add
from streamserver.lab.report.kept_events import KeepingCounter
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import failed, verdicts

INTERVAL = 1.0
"""Seconds between two reports of the progress."""

DIRECT, THROUGH = "direct", "through"
"""The names of the first URL, and of the second if there is no third."""

Exchange = Callable[[int], Awaitable[Record]]
"""Runs the exchange with a number."""


@dataclass(slots=True)
class Side:
    """One URL and its figures."""

    name: str
    """The name; ``DIRECT`` is that of the first."""
    summary: Summary = field(default_factory=Summary)


class Comparison:
    """The rounds of two URLs or more."""

    def __init__(self, others: Sequence[str] = (THROUGH,)) -> None:
        self.sides = [Side(DIRECT), *map(Side, others)]
        self.rounds: list[Sequence[Record]] = []
        """The records of each round, in the order of the sides."""

    @property
    def hops(self) -> list[Hop]:
        """What each other URL adds to the first."""
        return [
            Hop(side.name, [Pair(one[0], one[n]) for one in self.rounds], side.summary)
            for n, side in enumerate(self.sides)
            if n
        ]

    def add(self, *records: Record) -> None:
        """Count a round: a record for each side, in order."""
        self.rounds.append(records)
        for side, record in zip(self.sides, records, strict=True):
            side.summary.add(record)

    @property
    def so_far(self) -> Summary:
        """How the exchanges of all sides ended, with the durations of the last side."""
        ends, statuses, reasons = Counter[str](), Counter[int](), Counter[str]()
        answers = dict[int, str]()
        for side in self.sides:
            ends.update(side.summary.ends)
            statuses.update(side.summary.statuses)
            reasons.update(side.summary.reasons)
            answers = side.summary.answers | answers
        last = self.sides[-1].summary
        return replace(last, ends=ends, statuses=statuses, reasons=reasons, answers=answers)

    @property
    def not_valid(self) -> list[str]:
        """Why the measurement is not valid; empty if it is."""
        found = [one for side in self.sides for one in verdicts(side.summary) if one.invalidates]
        invalidating = [*dict.fromkeys(map(str, found))]
        nothing = [
            "no pair ended well on both sides" + (f": {hop.name}" if hop.name != THROUGH else "")
            for hop in self.hops
            if not hop.complete
        ]
        if not nothing:
            return invalidating
        why = [f"{side.name}: {reason}" for side in self.sides if (reason := failed(side.summary))]
        return [*nothing, *why, *invalidating]


async def compare(
    jobs: Sequence[Job],
    names: Sequence[str],
    count: int,
    on_progress: Callable[[Progress], object],
    on_round: Callable[[int, Mapping[str, Record]], object] = lambda n, records: None,
) -> Comparison:
    """Run ``count`` rounds of the jobs, with the concurrency of the first; ``names``: those of all
    jobs but the first. ``on_round`` gets the number of each round and its records by side.

    OSError for a name that cannot be resolved, or authorities that cannot be read; what
    ``on_round`` raises ends the comparison.
    """
    comparison, reporting, first = Comparison(names), None, jobs[0]
    clients = [job.client() for job in jobs]
    sides = [*zip(clients, [side.summary for side in comparison.sides], strict=True)]
    concurrency, keeps = int(first.profile.level(0)), first.sends_records
    lag = LagProbe(sides[0][1].loop_lag, monotonic_ns())

    def add_round(n: int, records: Sequence[Record]) -> None:
        comparison.add(*records)
        on_round(n, {side.name: one for side, one in zip(comparison.sides, records, strict=True)})

    try:
        await _prepare(sides)
        reporting = asyncio.create_task(_report(comparison, concurrency, on_progress))
        exchanges = [partial(_exchange, one, summary if keeps else None) for one, summary in sides]
        await run_rounds(exchanges, count, concurrency, Random(f"pairs/{first.seed}"), add_round)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    finally:
        lag.stop()
        if reporting is not None:
            reporting.cancel()
        for client in clients:
            client.close()
    for _, summary in sides[1:]:
        add(summary.loop_lag, sides[0][1].loop_lag)
    return comparison


async def _prepare(sides: Sequence[tuple[Client, Summary]]) -> None:
    for client, summary in sides:
        client.digest = True
        await client.server.resolve()
        summary.address = client.server.address


async def _report(
    comparison: Comparison, concurrency: int, on_progress: Callable[[Progress], object]
) -> None:
    """Report the progress until it is cancelled."""
    began = monotonic_ns()
    while True:
        await asyncio.sleep(INTERVAL)
        on_progress(Progress((monotonic_ns() - began) / 1e9, concurrency, comparison.so_far))


async def _exchange(client: Client, summary: Summary | None, n: int) -> Record:
    """Run an exchange; with a summary, its record also keeps the times between its events."""
    request, record = client.encode(n), Record()
    await client.run(record, request, None if summary is None else KeepingCounter(summary, record))
    return record


async def run_rounds(
    sides: Sequence[Exchange],
    count: int,
    concurrency: int,
    random: Random,
    on_round: Callable[[int, Sequence[Record]], object],
) -> None:
    """Run ``count`` rounds, ``concurrency`` at once; ``on_round`` gets the number of each and its
    records in the order of the sides.

    The order within a round is random, so that no side always follows another.
    """
    numbers = iter(range(count))

    async def run() -> None:
        for n in numbers:
            records: dict[int, Record] = {}
            for side in random.sample(range(len(sides)), len(sides)):
                records[side] = await sides[side](n)
            on_round(n, [records[side] for side in range(len(sides))])

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(run())
