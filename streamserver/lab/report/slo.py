"""Objectives: bounds that a run must keep, so a script can fail when it does not.

    ttft_p99=500ms,gap_p99=200ms,errors=0.1%,goodput=99%

An objective is an upper bound: of a percentile, the mean or the maximum of a milestone or figure,
or of the share of exchanges that did not end well. That of goodput, the share that kept every limit
of their own, is a lower bound. A limit has a unit, because 50 could be milliseconds or seconds. An
objective without a measured value is neither met nor missed: it makes the measurement invalid.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from streamserver.kit.hints import did_you_mean
from streamserver.kit.units import DURATIONS, parse_duration
from streamserver.lab.report.histograms import MS, mean, ms
from streamserver.lab.report.summary import FIGURES, MILESTONES, Summary

_NS = 10**9
_STATISTIC = re.compile(r"(p(?:100|[0-9]{1,2}(?:\.[0-9]{1,3})?)|mean|max)").fullmatch
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%").fullmatch
ERRORS, GOODPUT = "errors", "goodput"
SHARES = (ERRORS, GOODPUT)
NAMES = (*MILESTONES, *FIGURES)
FORMS = (
    f"NAME_STATISTIC=LIMIT, where NAME is one of {', '.join(NAMES)}, STATISTIC is p50, p99.9"
    f" or any other percentile, mean or max, and LIMIT is a duration as in 50ms"
    f" ({', '.join(DURATIONS)}); or {ERRORS}=SHARE as in 0.1%, or {GOODPUT}=SHARE as in 99%, the"
    f" least one; several are separated by commas"
)


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound of one figure: in nanoseconds, of errors and goodput as a share from 0 to 1."""

    text: str
    milestone: str
    """``errors`` for the share of exchanges that did not end well, ``goodput`` for that of those
    that kept their limits, or the name of a figure."""
    statistic: str
    """p99, mean, max; "" for a share."""
    limit: float
    """The highest value, of goodput the lowest."""

    def figure(self, summary: Summary) -> float | None:
        """The measured value in the unit of ``limit``; None without any."""
        if self.milestone == ERRORS:
            return summary.errors
        if self.milestone == GOODPUT:
            return summary.goodput
        histogram = summary.histograms[self.milestone]
        if not histogram.get_total_count():
            return None
        if self.statistic == "mean":
            return mean(histogram)
        percentile = 100.0 if self.statistic == "max" else float(self.statistic[1:])
        return ms(histogram, percentile) * MS


@dataclass(frozen=True, slots=True)
class Judgement:
    """An objective and its measured value, None without any."""

    objective: Objective
    measured: float | None

    @property
    def is_met(self) -> bool:
        """Whether the measured value is within the limit."""
        if self.measured is None:
            return False
        if self.objective.milestone == GOODPUT:
            return self.measured >= self.objective.limit
        return self.measured <= self.objective.limit

    @property
    def outcome(self) -> str:
        """``met``, ``missed``, or that nothing was measured."""
        if self.measured is None:
            return "nothing of the kind was measured"
        return "met" if self.is_met else "missed"

    @property
    def shown(self) -> str:
        """The measured value with its unit; "" without any."""
        if self.measured is None:
            return ""
        if self.objective.milestone in SHARES:
            return f"{self.measured:.3%}"
        return f"{self.measured / 1e6:.3f}ms"

    def to_json(self) -> dict[str, Any]:
        """For programs: a duration in milliseconds, a share from 0 to 1."""
        value = self.measured
        if value is not None and self.objective.milestone not in SHARES:
            value = round(value / MS, 6)
        return {"objective": self.objective.text, "measured": value, "met": self.is_met}

    def __str__(self) -> str:
        return f"{self.objective.text}: " + ", ".join(filter(None, [self.outcome, self.shown]))


def parse(text: str) -> list[Objective]:
    """The objectives of a list; ValueError names the wrong part and the allowed forms."""
    return [_objective(item.strip()) for item in text.split(",")]


def judge(objectives: list[Objective], summary: Summary) -> list[Judgement]:
    """Each objective with its measured value."""
    return [Judgement(objective, objective.figure(summary)) for objective in objectives]


def _objective(text: str) -> Objective:
    name, _, limit = text.partition("=")
    if name in SHARES:
        share = _SHARE(limit)
        if share and float(share[1]) <= 100:
            # Exact: 99.9 / 100 is more than 999 / 1000.
            return Objective(text, name, "", float(Fraction(share[1]) / 100))
        raise _refusal(text, f"{limit!r} is not a share from 0% to 100%")
    milestone, _, statistic = name.rpartition("_")
    if name in NAMES:
        raise _refusal(text, f"{name!r} needs a statistic, as in {name}_p99")
    if milestone not in NAMES:
        wrong = milestone or name
        hint = did_you_mean(wrong, [*NAMES, *SHARES])
        raise _refusal(text, f"{wrong!r} is not a milestone or figure{hint}")
    if not _STATISTIC(statistic):
        hint = did_you_mean(statistic, ("mean", "max"))
        raise _refusal(text, f"{statistic!r} is not a statistic{hint}")
    limit_s = parse_duration(limit, bare=False)
    if limit_s is None:
        raise _refusal(text, f"{limit!r} is not a duration with a unit")
    return Objective(text, milestone, statistic, float(limit_s * _NS))


def _refusal(text: str, problem: str) -> ValueError:
    return ValueError(f"{text!r} is not an objective: {problem}; allowed: {FORMS}")
