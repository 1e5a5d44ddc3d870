"""A finished run, from which the table, the JSON and the page are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamserver.lab.report.histograms import MS, all_ms, mean
from streamserver.lab.report.slo import SHARES, Judgement
from streamserver.lab.report.summary import FIGURES, MILESTONES, Summary
from streamserver.lab.report.verdicts import Verdict, failed, unreached, verdicts

VERSION = 2
"""Of the JSON form; raised when a member changes its meaning or is removed."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)

VALID_AND_MET, MISSED, NOT_VALID = 0, 1, 3
"""Exit statuses; 2 is wrong usage."""


class Setting(NamedTuple):
    """An option and its value."""

    name: str
    value: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class About:
    """When and how a report was made. Secrets are redacted already."""

    date: str
    """The beginning of the run, in the form of RFC 3339."""
    version: str
    command: str
    """The command line, quoted for a shell."""
    settings: Sequence[Setting]
    machine: str = ""
    """The operating system and the number of cores."""
    asked: Sequence[tuple[str, str]] = ()
    """What was requested, and the load."""
    ended: str = ""
    """The end of the run, in the form of RFC 3339."""

    def to_json(self) -> dict[str, Any]:
        """The members of the report for programs, with the options that were given."""
        return {
            "date": self.date,
            "ended": self.ended or None,
            "version": self.version,
            "machine": self.machine,
            "command": self.command,
            "asked": dict(self.asked),
            "options": {one.name: one.value for one in self.settings if not one.is_default},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The request, the duration and the figures of a run."""

    title: str
    """The measured request, without secrets."""
    summary: Summary
    seconds: float
    """From the first exchange that counts to the end of the last."""
    judgements: list[Judgement] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Further reasons why the measurement is invalid: a process died, the run was stopped."""
    about: About | None = None

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts on the client, the target and the hop between them."""
        return verdicts(self.summary)

    @property
    def not_valid(self) -> list[str]:
        """Why the measurement is invalid; empty if it is valid."""
        invalidating = [str(verdict) for verdict in self.verdicts if verdict.invalidates]
        nothing = unreached(self.summary)
        if self._has_failed and not nothing:
            return [*self.problems, *invalidating]
        nothing = nothing or failed(self.summary)
        missing = [str(one) for one in self.judgements if one.measured is None]
        return [*self.problems, *filter(None, [nothing]), *invalidating, *missing]

    @property
    def _has_failed(self) -> bool:
        """Whether the objective of errors or of goodput is missed. With responses that is a
        finding, even where all exchanges failed and no other objective can be judged."""
        shares = [one for one in self.judgements if one.objective.milestone in SHARES]
        return any(one.measured is not None and not one.is_met for one in shares)

    @property
    def status(self) -> int:
        """The exit status: with objectives 1 if one is missed, 3 if the measurement is invalid.

        Without objectives, a verdict alone does not make the measurement invalid.
        """
        if not self.judgements:
            return NOT_VALID if self.problems or failed(self.summary) else VALID_AND_MET
        if self.not_valid:
            return NOT_VALID
        return VALID_AND_MET if all(one.is_met for one in self.judgements) else MISSED

    def to_json(self) -> dict[str, Any]:
        """All figures for programs: durations in milliseconds, shares from 0 to 1."""
        summary = self.summary
        return {
            "version": VERSION,
            "title": self.title,
            "run": self.about.to_json() if self.about else None,
            "seconds": round(self.seconds, 6),
            "valid": not self.not_valid,
            "not_valid": self.not_valid,
            "server": {"address": summary.address, "software": [*summary.servers]},
            "exchanges": {
                **summary.ends_json(),
                "errors": summary.errors,
                "unsent": summary.unsent,
                "retried": summary.retries,
                "warm_up": summary.warmed,
            },
            "reads": summary.reads,
            "chunks": summary.chunks,
            "events": summary.events,
            "bytes": summary.size,
            "milestones": {name: figures(summary.histograms[name]) for name in MILESTONES},
            **self._answers(),
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
            "objectives": [one.to_json() for one in self.judgements],
        }

    def per_second(self, count: float) -> float:
        """A count of the run for each of its seconds; 0 for a run without any."""
        return count / self.seconds if self.seconds > 0 else 0.0

    def _answers(self) -> dict[str, Any]:
        """The figures of models' answers."""
        return {
            "figures": {name: figures(self.summary.histograms[name]) for name in FIGURES},
            "tokens": self._tokens(),
            "throughput": self._throughput(),
            "goodput": self._goodput(),
        }

    def _tokens(self) -> dict[str, Any]:
        tokens = self.summary.tokens
        return {
            "input": tokens.input,
            "cached": tokens.cached,
            "output": tokens.output,
            "reasoning": tokens.reasoning,
            "answers_by_usage": tokens.by_usage,
            "answers_by_events": tokens.by_events,
        }

    def _throughput(self) -> dict[str, Any]:
        summary = self.summary
        return {
            "requests_per_second": round(self.per_second(summary.ends["complete"]), 6),
            "output_tokens_per_second": round(self.per_second(summary.tokens.output), 6),
            "output_tokens_per_second_of_a_request": figures(summary.tokens.per_second),
        }

    def _goodput(self) -> dict[str, Any] | None:
        summary = self.summary
        if not summary.limits:
            return None
        return {
            "limits": [limit.text for limit in summary.limits],
            "good": summary.good,
            "share": summary.goodput,
            "requests_per_second": round(self.per_second(summary.good), 6),
        }


def figures(histogram: Any) -> dict[str, float] | None:
    """Count, mean, percentiles, minimum and maximum of a histogram, in ms; None if it is empty."""
    if not histogram.get_total_count():
        return None
    found = {"count": histogram.get_total_count(), "mean": _ms(mean(histogram))}
    for percentile, value in zip(PERCENTILES, all_ms(histogram, PERCENTILES), strict=True):
        found[f"p{percentile:g}"] = round(value, 6)
    return found | {"min": _ms(histogram.get_min_value()), "max": _ms(histogram.get_max_value())}


def _ms(duration: float) -> float:
    return round(duration / MS, 6)
