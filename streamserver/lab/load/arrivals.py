"""When an open loop begins each exchange: pure, and the same for the same seed.

Constant arrivals have the same time between them, as far as the rate is constant. Poisson arrivals
are those of many people who know nothing of each other: at the same mean rate they come in
clusters, which is what queues are made of. Both count how much of the rate's area has passed, the
one in steps of 1, the other in steps that are exponentially distributed with mean 1; so both
follow any ramp.
"""

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Literal, get_args

from streamserver.lab.load.profile import Profile

Arrivals = Literal["constant", "poisson"]
ARRIVALS: tuple[str, ...] = get_args(Arrivals)
SECOND = 1_000_000_000


def arrivals(profile: Profile, kind: Arrivals, seed: int) -> Iterator[int]:
    """Nanoseconds from the beginning to each arrival, in order."""
    areas = _areas(Random(f"arrivals/{seed}")) if kind == "poisson" else map(float, count())
    for time in profile.times(areas):
        yield round(time * SECOND)


def _areas(chance: Random) -> Iterator[float]:
    area = 0.0
    while True:
        area += chance.expovariate(1.0)
        yield area
