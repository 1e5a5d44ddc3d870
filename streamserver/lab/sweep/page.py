"""The page of a sweep: the verdict, the chart of latency against throughput, and all levels."""

from streamserver.lab.report.charts import both_widths
from streamserver.lab.report.page.glossary import glossary
from streamserver.lab.report.page.headline import Headline, facts, paragraph, tiles
from streamserver.lab.report.page.markup import document, figure, pairs, section, table, text
from streamserver.lab.report.report import About, Report
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import label
from streamserver.lab.sweep.chart import LEGEND, latency_chart
from streamserver.lab.sweep.level import Level
from streamserver.lab.sweep.sweep import Sweep
from streamserver.lab.sweep.table import UNITS, conclusion, rows

_KIND = "Search for the highest load that meets the objectives"

_NOTE = (
    '<p class="note">achieved/s counts the complete exchanges that ended in the measured time of a'
    " level, and so does the throughput at the highest load. open is their mean number at a"
    " moment.</p>"
)


def page(sweep: Sweep, title: str, about: About | None = None) -> str:
    """The whole page; ``title``: the request, without secrets."""
    level = sweep.best or (sweep.levels[0] if sweep.levels else None)
    report = _report(level, title, about)
    grid = [_outcome_first(row) for row in rows(sweep)]
    return document(
        title,
        [
            f'<header><p class="kind">{_KIND}</p><h1>{text(title.partition("?")[0])}</h1></header>',
            paragraph(_headline(sweep)),
            section("At the highest load", tiles(report)) if sweep.best else "",
            _chart(sweep),
            section("Result", pairs([*conclusion(sweep)])),
            section("What was measured", facts(report)),
            section("Levels", table("Levels", grid[0], grid[1:], "numbers"), _NOTE) if grid else "",
            glossary(report.summary),
        ],
    )


def _outcome_first(row: list[str]) -> list[str]:
    """The row with the mark of the best level beside its load, and the outcome after that."""
    best, load, *figures, outcome = row
    return [f"{load} {best}".rstrip(), outcome, *figures]


def _report(level: Level | None, title: str, about: About | None) -> Report:
    """A level as a report. Its duration is that in which its complete exchanges end at the
    throughput of the level, so that the rates contain no time of draining."""
    if level is None:
        return Report(title, Summary(), 0.0, about=about)
    complete = level.summary.ends["complete"]
    seconds = complete / level.achieved if level.achieved else 0.0
    return Report(title, level.summary, seconds, about=about)


def _headline(sweep: Sweep) -> Headline:
    reasons = [f"{name}: {value}" for name, value in conclusion(sweep) if name == "limit"]
    limit = "; ".join(reasons) or "all objectives were met up to the last level"
    if sweep.not_valid:
        return Headline("missed", "The result is not valid", "; ".join(sweep.not_valid))
    if sweep.best is None:
        lowest = f"{sweep.scale.low:g}{UNITS[sweep.kind]}"
        return Headline("missed", f"Not even {lowest} meets the objectives", limit)
    highest = f"{sweep.best.load:g}{UNITS[sweep.kind]}"
    return Headline("met", f"Up to {highest}, the objectives are met", limit)


def _chart(sweep: Sweep) -> str:
    if not latency_chart(sweep):
        return ""
    shown = label(sweep.levels[0].latency)
    name = f"{shown[:1].upper()}{shown[1:]} against throughput"
    drawing = both_widths(lambda width: latency_chart(sweep, width))
    caption = "complete exchanges per second, measured at each level"
    return figure(name, LEGEND, drawing, caption)
