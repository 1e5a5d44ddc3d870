"""Random factors with a mean of 1, by which a mean gap or size is multiplied.

So jitter changes neither the rate nor the bytes of a stream. The spread is a share of the mean.
"""

import math
from collections.abc import Callable, Iterator
from itertools import repeat
from random import Random

DEFAULT_SPREADS = {
    **{"none": 0.0, "uniform": 0.5, "normal": 0.25},
    **{"lognormal": 0.5, "exponential": 1.0},  # with 1 a Poisson process
}
NAMES = tuple(DEFAULT_SPREADS)
MAX_FACTOR = 16.0
"""The limit of unbounded distributions, for the memory of an event; hardly ever reached."""
_MAX_FACTORS = {"none": 1.0, "uniform": 2.0, "normal": 2.0}


def max_factor(name: str) -> float:
    """The largest factor of a distribution."""
    return _MAX_FACTORS.get(name, MAX_FACTOR)


def factors(name: str, spread: float, seed: str) -> Iterator[float]:
    """Factors without end, the same ones for the same seed.

    ``spread``, from 0 to 1: of uniform factors the largest distance from 1, of others the standard
    deviation. Normal ones are cut at 0 and at 2, which keeps their mean. Exponential ones with a
    spread below 1 begin above 0.
    """
    if name == "none":
        return repeat(1.0)  # a Random takes kilobytes, and there are thousands of streams
    return iter(_draw(name, spread, Random(seed)), None)


def _draw(name: str, spread: float, random: Random) -> Callable[[], float]:
    match name:
        case "uniform":
            return lambda: 1 + spread * (2 * random.random() - 1)
        case "normal":
            return lambda: _normal(spread, random)
        case "lognormal":
            variance = math.log1p(spread * spread)  # of the logarithm
            mu, sigma = -variance / 2, math.sqrt(variance)
            return lambda: min(random.lognormvariate(mu, sigma), MAX_FACTOR)
    return lambda: min(1 - spread + spread * random.expovariate(1), MAX_FACTOR)


def _normal(spread: float, random: Random) -> float:
    while not 0 <= (drawn := random.gauss(1, spread)) <= 2:
        pass
    return drawn
