"""The description of a run: the request, its load over time, and its end.

    100                  100 all the time
    10@30,20@30,40@30    steps: 10 for 30 s, then 20, then 40
    0..100@1m,100@60s    a ramp: from 0 to 100 in a minute, then a minute of 100

Constant arrivals have equal intervals while the rate is constant. Poisson arrivals are those of
independent users: at the same mean rate they cluster, which is what fills queues. Both count the
area under the rate, one in steps of 1, the other in exponentially distributed steps of mean 1, so
both follow any ramp.

Times are in seconds from the beginning. A job is sent to processes over a pipe, since it may
contain a secret key: arguments and environments of processes are readable by others.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import inf, sqrt
from random import Random
from typing import Literal, get_args

from streamserver.kit.units import parse_duration
from streamserver.lab.client.client import Client
from streamserver.lab.client.connection import Timeouts
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.trace import LONGEST, Trace
from streamserver.lab.load.trace import SECOND as SECOND
from streamserver.lab.report.goodput import Limit
from streamserver.proxy.origin import client_context

Arrivals = Literal["constant", "poisson"]
ARRIVALS: tuple[str, ...] = get_args(Arrivals)
MAX_OPEN = 10_000
MOST = 1_000_000.0
FORMS = (
    "N, or stages separated by commas: N@DURATION is a step and N..M@DURATION a ramp, with"
    f" numbers up to {MOST:.0f}; only the last stage may omit its duration"
)
_NUMBER = r"([0-9]{1,7}(?:\.[0-9]{1,6})?)"
_stage = re.compile(rf"{_NUMBER}(?:\.\.{_NUMBER})?(?:@(.+))?").fullmatch


@dataclass(frozen=True, slots=True)
class Stage:
    """A linear change from one level to another."""

    begin: float
    end: float
    seconds: float = inf

    def __str__(self) -> str:
        level = f"{self.begin:g}"
        if self.begin != self.end:
            level += f"..{self.end:g}"
        return level if self.seconds == inf else f"{level}@{self.seconds:g}s"

    @property
    def area(self) -> float:
        """The integral of the level: of a rate, the number of arrivals."""
        mean = (self.begin + self.end) / 2
        return mean * self.seconds if mean else 0.0

    def level(self, at: float) -> float:
        """The level at a time after its beginning."""
        if self.begin == self.end:
            return self.begin
        return self.begin + (self.end - self.begin) * at / self.seconds

    def time_of(self, area: float) -> float:
        """The time at which its area, which must not exceed ``self.area``, is reached."""
        if not area:
            return 0.0
        if self.begin == self.end:
            return area / self.begin
        # begin * t + slope * t**2 / 2 = area, in the form that loses no digits for a small slope.
        slope = (self.end - self.begin) / self.seconds
        return 2 * area / (self.begin + sqrt(max(self.begin**2 + 2 * slope * area, 0.0)))


@dataclass(frozen=True, slots=True)
class Profile:
    """Consecutive stages."""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.stages))

    @property
    def seconds(self) -> float:
        """Their total duration; infinite if the last has none."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def is_constant_integer(self) -> bool:
        """Whether it is one whole number, all the time."""
        first = self.stages[0]
        return self.stages == (Stage(first.begin, first.begin),) and first.begin % 1 == 0

    @property
    def most(self) -> float:
        """The highest level."""
        return max(max(stage.begin, stage.end) for stage in self.stages)

    def level(self, at: float) -> float:
        """The level at a time; 0 after the end."""
        for stage in self.stages:
            if at < stage.seconds:
                return stage.level(at)
            at -= stage.seconds
        return 0.0

    def arrivals(self, kind: Arrivals, seed: int) -> Iterator[int]:
        """Nanoseconds from the beginning to each arrival at this rate, in order; deterministic."""
        areas = _poisson(Random(f"arrivals/{seed}")) if kind == "poisson" else map(float, count())
        for time in self._times(areas):
            yield round(time * SECOND)

    def _times(self, areas: Iterable[float]) -> Iterator[float]:
        """The time at which each of the rising areas is reached, until the end of the profile."""
        begin_time = begin_area = 0.0
        stages = iter(self.stages)
        stage = next(stages)
        for area in areas:
            while area - begin_area >= stage.area:
                begin_time += stage.seconds
                begin_area += stage.area
                following = next(stages, None)
                if following is None:
                    return
                stage = following
            yield begin_time + stage.time_of(area - begin_area)


def parse(text: str) -> Profile:
    """Parse a profile; ValueError that names the wrong stage and the forms that are allowed."""
    items = [item.strip() for item in text.split(",")]
    stages = [_parse_stage(item) for item in items]
    for stage, item in zip(stages[:-1], items, strict=False):
        if stage.seconds == inf:
            raise ValueError(f"{item!r} needs its duration, since another follows: {FORMS}")
    if not any(stage.begin or stage.end for stage in stages):
        raise ValueError(f"{text!r} is no load at all: {FORMS}")
    return Profile(tuple(stages))


def _parse_stage(text: str) -> Stage:
    found = _stage(text)
    if not found:
        raise ValueError(f"{text!r} is no stage: {FORMS}")
    begin = float(found[1])
    end = begin if found[2] is None else float(found[2])
    seconds = inf if found[3] is None else parse_duration(found[3])
    if seconds is None:
        raise ValueError(f"{text!r} is no stage, since {found[3]!r} is no duration: {FORMS}")
    if max(begin, end) > MOST or not seconds > 0 or LONGEST < seconds < inf:
        raise ValueError(f"{text!r} is out of bounds: {FORMS}")
    if begin != end and seconds == inf:
        raise ValueError(f"{text!r} needs its duration, since it is a ramp: {FORMS}")
    return Stage(begin, end, float(seconds))


def _poisson(random: Random) -> Iterator[float]:
    area = 0.0
    while True:
        area += random.expovariate(1.0)
        yield area


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one process: of all that is numbered, every ``processes``-th from ``index``."""

    index: int = 0
    processes: int = 1

    def part(self, whole: int) -> int:
        """How many of the numbers below ``whole`` it has."""
        return len(range(self.index, whole, self.processes))


@dataclass(frozen=True, slots=True)
class Job:
    """A run, without a clock or a socket. One of ``concurrency``, ``rate`` and ``trace`` is
    given."""

    request: RequestSpec
    concurrency: Profile | None = None
    """A closed loop: the number of concurrent exchanges."""
    rate: Profile | None = None
    """An open loop: exchanges that begin per second, whether or not earlier ones have ended."""
    trace: Trace | None = None
    """An open loop: exchanges that begin when those of a recorded load did. The warm-up is its
    first part."""
    arrivals: Arrivals = "constant"
    seed: int = 0
    duration: float = inf
    """Seconds after the warm-up in which exchanges may begin."""
    count: int | None = None
    """Exchanges that may begin in them."""
    warm_up: float = 0.0
    """Seconds before, at the first level of the profile, that are not measured."""
    grace: float = 30.0
    """Seconds for open exchanges to end after the last has begun."""
    think_time: float = 0.0
    """Seconds from the end of an answer to the next turn of its conversation."""
    max_open: int = MAX_OPEN
    """Concurrent exchanges of an open loop; further ones are counted as not sent."""
    fresh: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    insecure: bool = False
    """Whether any certificate is accepted."""
    authorities: str | None = None
    """A PEM file of trusted authorities, instead of the system's."""
    sends_records: bool = False
    """Whether processes report the record of every exchange, and not only the summary."""
    counts_flow: bool = False
    """Whether the summary has the exchanges that began and ended in each part of ``duration``,
    which must be finite."""
    loop: str = "auto"
    """The name of the event loop."""
    limits: Sequence[Limit] = ()
    """What an exchange must keep to count for the goodput."""

    def client(self) -> Client:
        """A client for the request; OSError for authorities that cannot be read."""
        tls = None
        if self.request.split_url().scheme == "https":
            tls = client_context(self.authorities, verifies=not self.insecure)
        return Client(replace(self.request, seed=self.seed), self.timeouts, self.fresh, tls=tls)

    @property
    def is_open_loop(self) -> bool:
        """Whether exchanges begin when they are due, whether or not earlier ones have ended."""
        return self.concurrency is None

    def arrival_times(self) -> Iterable[int]:
        """Nanoseconds from the beginning to each arrival of an open loop, in order."""
        if self.trace is not None:
            return self.trace.offsets
        return self.profile.arrivals(self.arrivals, self.seed)

    @property
    def profile(self) -> Profile:
        """The rate or the concurrency over time, the warm-up included; a trace has none."""
        profile = self.rate or self.concurrency
        assert profile is not None
        if not self.warm_up:
            return profile
        begin = profile.stages[0].begin
        return Profile((Stage(begin, begin, self.warm_up), *profile.stages))

    @property
    def seconds(self) -> float:
        """The time in which exchanges may begin, the warm-up included; infinite without one."""
        # The last arrival of a trace is still within it.
        most = self.profile.seconds if self.trace is None else self.trace.seconds + 1 / SECOND
        return min(self.warm_up + self.duration, most)
