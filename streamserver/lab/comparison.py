"""What a hop adds to an exchange: pairs, one direct and one through it, and their differences.

The two exchanges of a pair follow each other directly, so the load of the machine affects both
alike, and differences are taken within pairs. One client in one process measures both. The result
is a table, or JSON.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from random import Random
from statistics import median
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.record import MILESTONES, Record
from streamserver.lab.load.job import Job
from streamserver.lab.load.run import LagProbe
from streamserver.lab.report.counts import APART, TOGETHER
from streamserver.lab.report.histograms import MS, add, ms
from streamserver.lab.report.progress import Progress
from streamserver.lab.report.report import About
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import Labelled, failures, labelled
from streamserver.lab.report.verdicts import Verdict, failed, is_buffered, verdicts
from streamserver.wire.printable import printable

VERSION = 1
"""Of the JSON form."""
ROUNDS = 2000
CONFIDENCE = 0.95
INTERVAL = 1.0
"""Seconds between two reports of the progress."""
_ROW = "{:<14}{:>12}{:>12}{:>12}    {}"


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and its confidence interval at the level ``CONFIDENCE``."""

    median: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference is significant."""
        return self.low > 0 or self.high < 0


def bootstrap(values: Sequence[float], random: Random, rounds: int = ROUNDS) -> Interval:
    """The confidence interval of the values' median; ValueError if there is none.

    By the percentile method (Efron, 1979): n of the n values are drawn with replacement, over and
    over, and the medians of the draws scatter like those of repeated measurements. It assumes
    nothing about the distribution, which for latencies has a long tail and often two modes.
    """
    if not values:
        raise ValueError("there is no value to take the median of")
    count = len(values)
    medians = sorted([median(random.choices(values, k=count)) for _ in range(rounds)])
    beyond = round((1 - CONFIDENCE) / 2 * rounds)
    return Interval(median(values), medians[beyond], medians[-1 - beyond])


@dataclass(frozen=True, slots=True)
class Pair:
    """The records of one request, sent twice."""

    direct: Record
    through: Record

    @property
    def is_complete(self) -> bool:
        """Whether both are complete and can be compared."""
        return self.direct.end == self.through.end == "complete"

    def added_to(self, milestone: str) -> int | None:
        """The delay, in ns, that the hop adds to a milestone, counted from the request."""
        before, after = getattr(self.direct, milestone), getattr(self.through, milestone)
        return after - before - self._shift if before and after else None

    def added_to_events(self) -> list[int]:
        """The delay that the hop adds to each event that both received."""
        both = zip(self.direct.arrivals, self.through.arrivals, strict=False)
        return [after - before - self._shift for before, after in both]

    @property
    def gathered(self) -> tuple[int, int]:
        """The number of events that arrived apart directly, and of those among them that arrived
        together through the hop. The streams must be equal; they need no stamps."""
        apart = together = 0
        gaps = zip(pairwise(self.direct.arrivals), pairwise(self.through.arrivals), strict=False)
        for (before, after), (then, now) in gaps:
            if after - before >= APART:
                apart += 1
                together += (now - then) * TOGETHER < after - before
        return apart, together

    @property
    def _shift(self) -> int:
        return self.through.sent - self.direct.sent


@dataclass(slots=True)
class Comparison:
    """Many pairs."""

    pairs: list[Pair] = field(default_factory=list)
    direct: Summary = field(default_factory=Summary)
    through: Summary = field(default_factory=Summary)

    @property
    def sides(self) -> tuple[tuple[str, Summary], ...]:
        """The name and figures of each side."""
        return ("direct", self.direct), ("through", self.through)

    def add(self, direct: Record, through: Record) -> None:
        """Count a pair."""
        self.pairs.append(Pair(direct, through))
        self.direct.add(direct)
        self.through.add(through)

    def added(self, seed: int = 0) -> Iterator[tuple[str, Interval]]:
        """The delay, in ns, that the hop adds to each milestone and to an event."""
        complete = [pair for pair in self.pairs if pair.is_complete]
        for name in MILESTONES:
            added = [one for pair in complete if (one := pair.added_to(name)) is not None]
            if added:
                yield name, bootstrap(added, Random(seed))
        # The events of a pair are not independent, so each pair counts once, with its median.
        events = [median(added) for pair in complete if (added := pair.added_to_events())]
        if events:
            yield "each event", bootstrap(events, Random(seed))

    @property
    def complete(self) -> int:
        """The number of pairs that are complete on both sides."""
        return sum([pair.is_complete for pair in self.pairs])

    @property
    def same_bodies(self) -> int:
        """The number of these whose sides received the same bytes."""
        complete = [pair for pair in self.pairs if pair.is_complete]
        return sum([pair.direct.digest == pair.through.digest for pair in complete])

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict on the hop, if it buffers."""
        counts = [pair.gathered for pair in self.pairs]
        apart, together = sum([one for one, _ in counts]), sum([one for _, one in counts])
        if not is_buffered(apart, together):
            return []
        evidence = f"of {apart} events that arrived apart directly {together} arrived together"
        return [Verdict("this hop buffers", f"{evidence} through it", False)]

    @property
    def not_valid(self) -> list[str]:
        """Why the measurement is not valid; empty if it is."""
        invalidating = {str(one): None for one in verdicts(self.direct) if one.invalidates}
        invalidating |= {str(one): None for one in verdicts(self.through) if one.invalidates}
        if self.complete:
            return [*invalidating]
        why = [f"{side}: {reason}" for side, summary in self.sides if (reason := failed(summary))]
        return ["no pair ended well on both sides", *why, *invalidating]


def table(comparison: Comparison, seed: int = 0) -> str:
    """The delay that the hop adds to each milestone, in ms, and whether it is significant."""
    return "\n".join(map(printable, _lines(comparison, seed))) + "\n"


def to_json(comparison: Comparison, seed: int = 0, about: About | None = None) -> dict[str, Any]:
    """The comparison for programs; durations are in milliseconds."""
    added = {
        name: {
            "median": one.median / MS,
            "low": one.low / MS,
            "high": one.high / MS,
            "significant": one.excludes_zero,
        }
        for name, one in comparison.added(seed)
    }
    return {
        "version": VERSION,
        "run": about.to_json() if about else None,
        "pairs": len(comparison.pairs),
        "complete": comparison.complete,
        "same_bodies": comparison.same_bodies,
        "level": CONFIDENCE,
        "added": added,
        **{side: summary.ends_json() for side, summary in comparison.sides},
        "verdicts": [str(verdict) for verdict in comparison.verdicts],
        "not_valid": comparison.not_valid,
    }


def _lines(comparison: Comparison, seed: int) -> Iterator[str]:
    interval = f"{CONFIDENCE:.0%} interval"
    yield _ROW.format("ms, median", "direct", "through", "added", interval).rstrip()
    for name, added in comparison.added(seed):
        medians = [_median(summary, name) for _, summary in comparison.sides]
        interval = f"{added.low / MS:+.3f} to {added.high / MS:+.3f}"
        if not added.excludes_zero:
            interval += ", which may be chance"
        yield _ROW.format(name.replace("_", " "), *medians, f"{added.median / MS:+.3f}", interval)
    yield ""
    yield from map(labelled, _counts(comparison))


def _counts(comparison: Comparison) -> Iterator[Labelled]:
    complete = comparison.complete
    yield "pairs", f"{len(comparison.pairs)}, of which {complete} ended well on both sides"
    yield "bodies", f"the same bytes in {comparison.same_bodies} of {complete}"
    for side, summary in comparison.sides:
        if failed := [f"{end} {n}" for end, n in summary.ends.most_common() if end != "complete"]:
            yield side, ", ".join(failed)
        yield from failures(summary)
    yield from [("verdict", str(verdict)) for verdict in comparison.verdicts]
    yield from [("not valid", reason) for reason in comparison.not_valid]


def _median(summary: Summary, name: str) -> str:
    histogram = summary.histograms.get(name)
    if histogram is None or not histogram.get_total_count():
        return ""
    return f"{ms(histogram, 50):.3f}"


async def compare(
    direct: Job, through: Job, count: int, on_progress: Callable[[Progress], object]
) -> Comparison:
    """Run ``count`` pairs, with the concurrency of the first job.

    OSError for a name that cannot be resolved, or authorities that cannot be read.
    """
    comparison, began, reporting = Comparison(), monotonic_ns(), None
    clients = direct.client(), through.client()
    concurrency = int(direct.profile.level(0))
    lag = LagProbe(comparison.direct.loop_lag, began)

    async def report() -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            seconds = (monotonic_ns() - began) / 1e9
            on_progress(Progress(seconds, concurrency, comparison.through))

    try:
        for client in clients:
            client.digest = True
            await client.server.resolve()
        reporting = asyncio.create_task(report())
        first, second = [partial(client.exchange, 0) for client in clients]
        random = Random(f"pairs/{direct.seed}")
        await run_pairs(first, second, count, concurrency, random, comparison.add)
    finally:
        lag.stop()
        if reporting is not None:
            reporting.cancel()
        for client in clients:
            client.close()
    add(comparison.through.loop_lag, comparison.direct.loop_lag)
    return comparison


async def run_pairs(
    direct: Callable[[int], Awaitable[Record]],
    through: Callable[[int], Awaitable[Record]],
    count: int,
    concurrency: int,
    random: Random,
    on_pair: Callable[[Record, Record], object],
) -> None:
    """Run ``count`` pairs, ``concurrency`` at once; ``on_pair`` gets the direct record first.

    ``direct`` and ``through`` run the exchange of a number. The order within a pair is random, so
    that neither side always follows the other.
    """
    numbers = iter(range(count))

    async def run() -> None:
        for n in numbers:
            if random.random() < 0.5:
                first = await direct(n)
                on_pair(first, await through(n))
            else:
                last = await through(n)
                on_pair(await direct(n), last)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, count)):
            group.create_task(run())
