"""Goodput: the complete exchanges that kept every limit of their own.

    ttft=500ms,tpot=50ms,e2e=10s

A percentile of all exchanges may be met while no user has both an early first token and a fast
answer; goodput counts the users who have (DistServe, OSDI 2024).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from streamserver.kit.hints import did_you_mean
from streamserver.kit.units import DURATIONS, parse_duration
from streamserver.lab.client.record import FIGURES, MILESTONES, Record

NAMES = (*FIGURES, *MILESTONES)
FORMS = (
    f"NAME=LIMIT, where NAME is one of {', '.join(NAMES)}, and LIMIT is a duration as in 500ms"
    f" ({', '.join(DURATIONS)}); several are separated by commas"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest duration of one figure or milestone that is good, in ns."""

    text: str
    name: str
    longest: float

    def is_kept_by(self, record: Record) -> bool:
        """Whether the exchange reached it in time. An answer of one token has no TPOT, and
        keeps that limit."""
        if self.name == "tpot":
            return record.last_token > 0 and record.tpot <= self.longest
        value: int = getattr(record, self.name)
        taken = value - record.planned if value and self.name in MILESTONES else value
        return 0 < taken <= self.longest


def is_good(record: Record, limits: Iterable[Limit]) -> bool:
    """Whether a complete exchange kept every limit; False for any other exchange."""
    return record.end == "complete" and all(limit.is_kept_by(record) for limit in limits)


def parse_limits(text: str) -> list[Limit]:
    """The limits of a list; ValueError names the wrong part and the allowed forms."""
    limits = [_limit(item.strip()) for item in text.split(",")]
    names = [one.name for one in limits]
    for one in limits:
        if names.count(one.name) > 1:
            raise _refusal(one.text, f"{one.name} has two limits")
    return limits


def _limit(text: str) -> Limit:
    name, _, limit = text.partition("=")
    if name not in NAMES:
        raise _refusal(text, f"{name!r} is not a figure{did_you_mean(name, NAMES)}")
    seconds = parse_duration(limit, bare=False)
    if not seconds:
        raise _refusal(text, f"{limit!r} is not a duration with a unit of more than 0")
    return Limit(text, name, float(seconds * 10**9))


def _refusal(text: str, problem: str) -> ValueError:
    return ValueError(f"{text!r} is not a limit: {problem}; allowed: {FORMS}")
