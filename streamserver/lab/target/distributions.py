"""Random numbers around 1: what a mean is multiplied with, be it of gaps or of sizes.

Whatever the distribution, its mean is 1, so that jitter never changes the rate or the bytes that
were commanded, only how evenly they come. The spread is a share of the mean.
"""

import math
from collections.abc import Callable
from random import Random

NAMES = ("none", "uniform", "normal", "lognormal", "exponential")
USUAL = {"none": 0.0, "uniform": 0.5, "normal": 0.25, "lognormal": 0.5, "exponential": 1.0}
"""The spread of each where none is given; an exponential one with 1 is a Poisson process."""

MOST = 16.0
"""No number is larger: rare enough not to be missed, and a bound for whoever allots memory."""
_MOST_OF = {"none": 1.0, "uniform": 2.0, "normal": 2.0}


def most(name: str) -> float:
    """The largest number that a distribution gives."""
    return _MOST_OF.get(name, MOST)


def factors(name: str, spread: float, seed: str) -> Callable[[], float]:
    """What draws a number from 0 up, 1 on average; the same ones for the same seed.

    ``spread``, from 0 to 1: for uniform numbers how far they lie from 1 at most, for others the
    standard deviation. Normal ones are cut at 0 and at 2 alike, which keeps their mean, and
    exponential ones with a spread below 1 begin above 0.
    """
    if name == "none":
        return lambda: 1.0  # a generator takes kilobytes, of each of thousands of streams
    random = Random(seed)
    match name:
        case "uniform":
            return lambda: 1 + spread * (2 * random.random() - 1)
        case "normal":
            return lambda: _normal(spread, random)
        case "lognormal":
            variance = math.log1p(spread * spread)  # of the logarithm
            mu, sigma = -variance / 2, math.sqrt(variance)
            return lambda: min(random.lognormvariate(mu, sigma), MOST)
    return lambda: min(1 - spread + spread * random.expovariate(1), MOST)


def _normal(spread: float, random: Random) -> float:
    while not 0 <= (drawn := random.gauss(1, spread)) <= 2:
        pass
    return drawn
