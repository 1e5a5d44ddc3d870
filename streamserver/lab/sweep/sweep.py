"""A sweep: level after level, as the search asks for them, and its result.

Between two levels no exchange is open: each level ends when all that began in it have ended.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from streamserver.lab.load.job import Job, Profile, Stage
from streamserver.lab.load.processes import Result
from streamserver.lab.report.report import MISSED, NOT_VALID, VALID_AND_MET
from streamserver.lab.report.slo import Objective, judge
from streamserver.lab.report.verdicts import unreached
from streamserver.lab.sweep.level import Kind, Level, Limit, Timing
from streamserver.lab.sweep.search import Scale, Search, Trial


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is measured next, for a display."""

    number: int
    trial: Trial
    timing: Timing
    most_left: int
    """The largest number of levels that may be left, this one included."""

    @property
    def seconds(self) -> float:
        """The time of the levels that may be left, without that in which exchanges end."""
        return self.most_left * sum(self.timing)


Measure = Callable[[Job, Prospect], Awaitable[Result | str]]
"""Measures one level; a text is the reason why it could not be measured to its end."""


@dataclass(slots=True)
class Sweep:
    """The levels of a sweep, and what they show."""

    kind: Kind
    scale: Scale
    objectives: Sequence[Objective]
    levels: list[Level] = field(default_factory=list)
    """The levels in the order in which they were measured."""
    best: Level | None = None
    """The highest level that was met."""
    missed: Level | None = None
    """The lowest one that counts as missed; its last measurement."""
    problems: list[str] = field(default_factory=list)
    """Why the sweep ended early."""

    @property
    def limit(self) -> Limit | None:
        """What prevents a higher load; None if the sweep ended at its upper bound or early."""
        return self.missed.limit if self.missed else None

    @property
    def not_valid(self) -> list[str]:
        """Why the sweep has no valid result; empty if it has one."""
        limit = self.limit
        if self.best is None and limit is not None and not limit.is_valid:
            return [*self.problems, f"at the lowest level, {limit}"]
        return self.problems

    @property
    def status(self) -> int:
        """The exit status: 1 if not even the lowest level met the objectives."""
        if self.not_valid:
            return NOT_VALID
        return VALID_AND_MET if self.best else MISSED

    def add(self, level: Level, search: Search) -> None:
        """Add a level whose outcome the search knows."""
        if level.limit is None:
            self.best = level
        elif search.missed == level.load:
            self.missed = level


async def sweep(
    job: Job,
    kind: Kind,
    scale: Scale,
    objectives: Sequence[Objective],
    measure: Measure,
    on_level: Callable[[Level], object] = lambda level: None,
) -> Sweep:
    """Search for the highest load of this kind; the job has all but the load.

    Its warm-up and duration are the least timing of a level.
    """
    found, search = Sweep(kind, scale, objectives), Search(scale)
    least, lengthened = Timing(job.warm_up, job.duration), set[float]()
    while trial := search.next:
        number = len(found.levels) + 1
        timing = least.at(kind, trial.load, scale.precision)
        prospect = Prospect(number, trial, timing, search.most_left)
        result = await measure(_job(job, kind, prospect), prospect)
        if isinstance(result, str):
            found.problems.append(result)
            break
        summary = result.summary
        judgements = judge([*objectives], summary)
        level = Level(kind, trial, timing, summary, judgements, scale.precision)
        found.levels.append(level)
        on_level(level)
        found.problems += result.problems or _unjudged(level, is_first=number == 1)
        if found.problems:
            break
        limit = level.limit
        if limit is None:
            least = least.extended(level.needed)
        if timing.is_enough(least) or trial.load in lengthened:
            search.add(limit is None, is_valid=limit is None or limit.is_valid)
            found.add(level, search)
        lengthened.add(trial.load)
    return found


def _job(job: Job, kind: Kind, prospect: Prospect) -> Job:
    load, (settle, duration) = prospect.trial.load, prospect.timing
    profile = Profile((Stage(load, load),))
    return replace(
        job,
        rate=profile if kind == "rate" else None,
        concurrency=profile if kind == "concurrency" else None,
        # Other UUIDs and prompts, or a service would answer later levels from its cache.
        seed=job.seed + prospect.number,
        warm_up=settle,
        duration=duration,
        counts_flow=True,
    )


def _unjudged(level: Level, is_first: bool) -> list[str]:
    """Why the objectives cannot be judged. Later levels may fail altogether: that is a finding."""
    if is_first and (nothing := unreached(level.summary)):
        return [nothing]
    return level.unmeasured if level.limit is None else []
