"""Numbers between limits, and their multiples."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor, lcm
from random import Random

_SPAN = 100
_ATTEMPTS = 20
_HUGE = Fraction(2**1100)
"""More than any limit and any float, so larger multiples are not computed: with hundreds of terms
they have a million bits."""


def is_multiple(value: float, of: float) -> bool:
    """Whether common validators take a number for a multiple: they divide as floating point, if one
    of the two is that."""
    if isinstance(of, int) and isinstance(value, int):
        return value % of == 0
    try:
        quotient = value / of
    except OverflowError:
        return False
    return quotient == int(quotient) if abs(quotient) < 2**1023 else False


def between(
    random: Random,
    lower: Sequence[tuple[float, bool]],
    upper: Sequence[tuple[float, bool]],
    multiples: Sequence[float],
    *,
    is_whole: bool,
) -> int | float | None:
    """A number between limits, each with whether it is excluded; None if none is found."""
    low = max([_exact(value) for value, _ in lower], default=None)
    high = min([_exact(value) for value, _ in upper], default=None)
    steps = [_exact(one) for one in multiples] + [Fraction(1)] * is_whole
    step = _common(steps) if steps else None
    for candidate in _candidates(random, low, high, step):
        value = _plain(candidate)
        if value is None or not _is_within(value, lower, upper):
            continue
        if all(is_multiple(value, of) for of in multiples):
            return value
    return None


def _candidates(
    random: Random, low: Fraction | None, high: Fraction | None, step: Fraction | None
) -> Iterator[Fraction]:
    """Numbers to try: multiples of the step, or of tenths, of ever smaller ones in a narrow
    range."""
    for grid in [step] if step else [Fraction(1, 10), Fraction(1, 1000)]:
        first = 0 if low is None else ceil(low / grid)
        last = first + _SPAN if high is None else floor(high / grid)
        if low is None and high is not None and high <= 0:
            first = last - _SPAN
        if first > last:
            continue
        for _ in range(_ATTEMPTS):
            yield random.randint(first, min(last, first + 10 * _SPAN)) * grid
        for n in range(min(last - first + 1, 2 * _SPAN)):
            yield (first + n) * grid
    if step is None and low is not None and high is not None:
        yield (low + high) / 2
        yield low
        yield high


def _is_within(
    value: float, lower: Sequence[tuple[float, bool]], upper: Sequence[tuple[float, bool]]
) -> bool:
    """Whether the rounded value is between the limits."""
    above = all(value > one if is_open else value >= one for one, is_open in lower)
    return above and all(value < one if is_open else value <= one for one, is_open in upper)


def _exact(value: float) -> Fraction:
    """The number that is written: 0.1 is a tenth."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _common(steps: Sequence[Fraction]) -> Fraction:
    """The least number that is a multiple of all; ``_HUGE`` for a larger one, since 0 is then the
    only value."""
    found = steps[0]
    for step in steps[1:]:
        denominator = lcm(found.denominator, step.denominator)
        numerators = [one.numerator * (denominator // one.denominator) for one in (found, step)]
        found = Fraction(lcm(*numerators), denominator)
        if found > _HUGE:
            return _HUGE
    return found


def _plain(value: Fraction) -> int | float | None:
    if value.denominator == 1:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        return None
