"""Objectives: what a run must keep to, so that a script can fail when it does not.

    first_byte_p99=50ms,gap_p99=200ms,errors=0.1%

Each is an upper bound: a percentile, the mean or the maximum of a milestone, or the share of
exchanges that did not end well. A limit has a unit, since a plain 50 could be milliseconds or
seconds. An objective that cannot be judged, because nothing of its kind was measured, is neither
met nor missed: then the measurement is not valid.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamserver.kit.nearest import did_you_mean
from streamserver.kit.units import DURATIONS, duration
from streamserver.lab.report.summary import MILESTONES, Summary

_NS = 10**9
_STATISTIC = re.compile(r"(p(?:100|[0-9]{1,2}(?:\.[0-9]{1,3})?)|mean|max)").fullmatch
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%").fullmatch
ERRORS = "errors"
FORMS = (
    f"NAME_STATISTIC=LIMIT, where NAME is one of {', '.join(MILESTONES)}, STATISTIC is p50, p99.9"
    f" or any other percentile, mean or max, and LIMIT is a duration as in 50ms"
    f" ({', '.join(DURATIONS)}); or {ERRORS}=SHARE as in 0.1%; several are separated by commas"
)


@dataclass(frozen=True, slots=True)
class Objective:
    """An upper bound of one figure: nanoseconds, or for the errors a share from 0 to 1."""

    text: str
    milestone: str
    """``errors`` for the share of exchanges that did not end well."""
    statistic: str
    """p99, mean, max; "" for the errors."""
    limit: float

    def figure(self, summary: Summary) -> float | None:
        """What was measured, in the unit of ``limit``; None if nothing was."""
        if self.milestone == ERRORS:
            return summary.errors
        return statistic(summary.histograms, self.milestone, self.statistic)


@dataclass(frozen=True, slots=True)
class Judgement:
    """An objective and what was measured; None if there is nothing to judge it by."""

    objective: Objective
    measured: float | None

    @property
    def is_met(self) -> bool:
        """Whether what was measured is within the limit."""
        return self.measured is not None and self.measured <= self.objective.limit

    @property
    def outcome(self) -> str:
        """``met``, ``missed``, or that there is nothing to judge it by."""
        if self.measured is None:
            return "nothing of the kind was measured"
        return "met" if self.is_met else "missed"

    @property
    def shown(self) -> str:
        """What was measured; "" if nothing was."""
        if self.measured is None:
            return ""
        if self.objective.milestone == ERRORS:
            return f"{self.measured:.3%}"
        return f"{self.measured / 1e6:.3f}ms"

    def __str__(self) -> str:
        return f"{self.objective.text}: " + ", ".join(filter(None, [self.outcome, self.shown]))


def parse(text: str) -> list[Objective]:
    """The objectives of a list; ValueError that names the one that is wrong, and what may be."""
    return [_objective(item.strip()) for item in text.split(",")]


def judge(objectives: list[Objective], summary: Summary) -> list[Judgement]:
    """Each objective with what was measured."""
    return [Judgement(objective, objective.figure(summary)) for objective in objectives]


def statistic(histograms: Mapping[str, Any], milestone: str, name: str) -> float | None:
    """A percentile (``p99``), ``mean`` or ``max`` of a milestone in ns; None if it has no value."""
    histogram = histograms[milestone]
    if not histogram.get_total_count():
        return None
    if name == "mean":
        return float(histogram.get_mean_value())
    return float(histogram.get_value_at_percentile(100.0 if name == "max" else float(name[1:])))


def _objective(text: str) -> Objective:
    name, _, limit = text.partition("=")
    if name == ERRORS:
        share = _SHARE(limit)
        if share and float(share[1]) <= 100:
            return Objective(text, ERRORS, "", float(share[1]) / 100)
        raise _refusal(text, f"{limit!r} is not a share from 0% to 100%")
    milestone, _, statistic_name = name.rpartition("_")
    if name in MILESTONES:
        raise _refusal(text, f"{name!r} needs a statistic, as in {name}_p99")
    if milestone not in MILESTONES:
        wrong = milestone or name
        hint = did_you_mean(wrong, [*MILESTONES, ERRORS])
        raise _refusal(text, f"{wrong!r} is no milestone{hint}")
    if not _STATISTIC(statistic_name):
        hint = did_you_mean(statistic_name, ("mean", "max"))
        raise _refusal(text, f"{statistic_name!r} is not a statistic{hint}")
    limit_s = duration(limit, bare=False)
    if limit_s is None:
        raise _refusal(text, f"{limit!r} is not a duration with a unit")
    return Objective(text, milestone, statistic_name, float(limit_s * _NS))


def _refusal(text: str, problem: str) -> ValueError:
    return ValueError(f"{text!r} is no objective: {problem}; it is {FORMS}")
