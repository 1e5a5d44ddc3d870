"""A finished run, as every form of report tells it: the table, the JSON and the page."""

from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.report.about import About
from streamserver.lab.report.slo import ERRORS, Judgement
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.validity import failed, unreached
from streamserver.lab.report.verdicts import Verdict, verdicts

VERSION = 1
"""Of the JSON form; it rises when a member changes its meaning or goes away."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
MS = 1_000_000

VALID_AND_MET, MISSED, NOT_VALID = 0, 1, 3
"""Exit statuses; 2 is wrong usage, as everywhere."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked, for how long, and what came of it."""

    title: str
    """What was measured, in words that may be shown: no key is in it."""
    summary: Summary
    seconds: float
    """From the first exchange that counts to the end of the last."""
    judgements: list[Judgement] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What else makes the measurement not valid: a process that died, a run that was stopped."""
    about: About | None = None

    @property
    def verdicts(self) -> list[Verdict]:
        """What the figures say about who made them."""
        return verdicts(self.summary)

    @property
    def not_valid(self) -> list[str]:
        """Why the measurement says nothing; empty if it is valid."""
        spoiled = [str(verdict) for verdict in self.verdicts if verdict.spoils]
        nothing = unreached(self.summary)
        if self._has_failed and not nothing:
            return [*self.problems, *spoiled]
        nothing = nothing or failed(self.summary)
        missing = [str(one) for one in self.judgements if one.measured is None]
        return [*self.problems, *filter(None, [nothing]), *spoiled, *missing]

    @property
    def _has_failed(self) -> bool:
        """Whether the objective of errors is missed. If there were responses, that is a finding,
        even where all exchanges failed and no other objective can be judged."""
        errors = [one for one in self.judgements if one.objective.milestone == ERRORS]
        return any(one.measured is not None and not one.is_met for one in errors)

    @property
    def status(self) -> int:
        """The exit status: with objectives 1 if one is missed, 3 if the measurement is not valid.

        Without objectives, a verdict alone does not make the measurement invalid.
        """
        if not self.judgements:
            return NOT_VALID if self.problems or failed(self.summary) else VALID_AND_MET
        if self.not_valid:
            return NOT_VALID
        return VALID_AND_MET if all(one.is_met for one in self.judgements) else MISSED

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs; durations are in milliseconds, shares from 0 to 1."""
        summary = self.summary
        return {
            "version": VERSION,
            "title": self.title,
            "run": self.about.to_json() if self.about else None,
            "seconds": round(self.seconds, 6),
            "valid": not self.not_valid,
            "not_valid": self.not_valid,
            "exchanges": {
                "ended": dict(summary.ends),
                "statuses": {str(status): count for status, count in summary.statuses.items()},
                "answers": {str(status): line for status, line in summary.answers.items()},
                "reasons": dict(summary.reasons),
                "errors": summary.errors,
                "unsent": summary.unsent,
                "retried": summary.retries,
                "warm_up": summary.warmed,
            },
            "reads": summary.reads,
            "chunks": summary.chunks,
            "events": summary.events,
            "bytes": summary.size,
            "milestones": {name: figures(one) for name, one in summary.histograms.items()},
            "client": {
                "resolving": _ms(summary.resolving),
                "start_late": figures(summary.start_late),
                "loop_lag": figures(summary.loop_lag),
            },
            "target": {
                "late": figures(summary.evidence.target_late),
                "delay": figures(summary.evidence.delay),
            },
            "verdicts": [{"name": one.name, "evidence": one.evidence} for one in self.verdicts],
            "objectives": [_told(one) for one in self.judgements],
        }


def figures(histogram: Any) -> dict[str, float] | None:
    """Count, mean, percentiles and maximum of a histogram, in ms; None of an empty one."""
    if not histogram.get_total_count():
        return None
    told = {"count": histogram.get_total_count(), "mean": _ms(histogram.get_mean_value())}
    for percentile in PERCENTILES:
        told[f"p{percentile:g}"] = _ms(histogram.get_value_at_percentile(percentile))
    return told | {"min": _ms(histogram.get_min_value()), "max": _ms(histogram.get_max_value())}


def _ms(duration: float) -> float:
    return round(duration / MS, 6)


def _told(one: Judgement) -> dict[str, Any]:
    return {"objective": one.objective.text, "measured": one.measured, "met": one.is_met}
