"""How much load at which time: a number, steps or ramps, as text and as a function of time.

    100                  100 all the time
    10@30,20@30,40@30    steps: 10 for 30 s, then 20, then 40
    0..100@1m,100@60s    a ramp: from 0 to 100 in a minute, then a minute of 100

Pure: no clock and no event loop. Times are in seconds from the beginning.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, sqrt

from streamserver.kit.units import parse_duration

MOST = 1_000_000.0
LONGEST = 31 * 86_400.0
FORMS = (
    "N, or stages separated by commas: N@DURATION is a step and N..M@DURATION a ramp, with"
    f" numbers up to {MOST:.0f}; only the last stage may leave its duration out"
)
_NUMBER = r"([0-9]{1,7}(?:\.[0-9]{1,6})?)"
_stage = re.compile(rf"{_NUMBER}(?:\.\.{_NUMBER})?(?:@(.+))?").fullmatch


@dataclass(frozen=True, slots=True)
class Stage:
    """From one level to another, in a straight line."""

    begin: float
    end: float
    seconds: float = inf

    def __str__(self) -> str:
        level = f"{self.begin:g}"
        if self.begin != self.end:
            level += f"..{self.end:g}"
        return level if self.seconds == inf else f"{level}@{self.seconds:g}"

    @property
    def area(self) -> float:
        """What the level comes to over its time: with a rate, how many are sent."""
        mean = (self.begin + self.end) / 2
        return mean * self.seconds if mean else 0.0

    def level(self, at: float) -> float:
        """The level so many seconds after its beginning."""
        if self.begin == self.end:
            return self.begin
        return self.begin + (self.end - self.begin) * at / self.seconds

    def when(self, area: float) -> float:
        """The seconds after which its area is reached, which must be within it."""
        if not area:
            return 0.0
        if self.begin == self.end:
            return area / self.begin
        # begin * t + slope * t**2 / 2 = area, in the form that loses no digits where the slope
        # is small.
        slope = (self.end - self.begin) / self.seconds
        return 2 * area / (self.begin + sqrt(max(self.begin**2 + 2 * slope * area, 0.0)))


@dataclass(frozen=True, slots=True)
class Profile:
    """Stages, one after the other."""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.stages))

    @property
    def seconds(self) -> float:
        """How long they take; infinite if the last has no end."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def is_whole(self) -> bool:
        """Whether it is one whole number, all the time."""
        only = self.stages[0]
        return self.stages == (Stage(only.begin, only.begin),) and only.begin % 1 == 0

    @property
    def most(self) -> float:
        """The highest level there is."""
        return max(max(stage.begin, stage.end) for stage in self.stages)

    def level(self, at: float) -> float:
        """The level at a time; 0 after the end."""
        for stage in self.stages:
            if at < stage.seconds:
                return stage.level(at)
            at -= stage.seconds
        return 0.0

    def times(self, areas: Iterable[float]) -> Iterator[float]:
        """When each of the areas, which rise, is reached; it ends where the profile does."""
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
            yield begin_time + stage.when(area - begin_area)


def parse(text: str) -> Profile:
    """The profile of a text; ValueError that names the stage that is wrong, and what may be."""
    stages = [_read(item.strip()) for item in text.split(",")]
    for stage, item in zip(stages[:-1], text.split(","), strict=False):
        if stage.seconds == inf:
            raise ValueError(f"{item.strip()!r} needs its duration, since another follows: {FORMS}")
    if not any(stage.begin or stage.end for stage in stages):
        raise ValueError(f"{text!r} is no load at all: {FORMS}")
    return Profile(tuple(stages))


def _read(text: str) -> Stage:
    found = _stage(text)
    if not found:
        raise ValueError(f"{text!r} is no stage: {FORMS}")
    begin = float(found[1])
    end = begin if found[2] is None else float(found[2])
    seconds = inf if found[3] is None else _seconds(text, found[3])
    if max(begin, end) > MOST or not seconds > 0 or LONGEST < seconds < inf:
        raise ValueError(f"{text!r} is out of bounds: {FORMS}")
    if begin != end and seconds == inf:
        raise ValueError(f"{text!r} needs its duration, since it is a ramp: {FORMS}")
    return Stage(begin, end, seconds)


def _seconds(stage: str, text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None:
        raise ValueError(f"{stage!r} is no stage, since {text!r} is no duration: {FORMS}")
    return float(seconds)
