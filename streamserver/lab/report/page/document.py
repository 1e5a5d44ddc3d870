"""The page of a run: from the verdict to single exchanges."""

from collections.abc import Iterator
from functools import partial

from streamserver.lab.report.charts import both_widths
from streamserver.lab.report.histograms import Distribution, distribution
from streamserver.lab.report.page import distributions, exchanges, over_load, over_time
from streamserver.lab.report.page.glossary import glossary
from streamserver.lab.report.page.headline import banner, facts, tiles
from streamserver.lab.report.page.markup import document, figure, pairs, section, table, text
from streamserver.lab.report.page.origin import options
from streamserver.lab.report.phases import PHASES, TimeSpent
from streamserver.lab.report.report import Report
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import counts, label, milestones

_DRAWN = ("ttft", "first_reasoning", "itl", "tpot", "e2e")
_DRAWN_WITHOUT_ANSWERS = ("first_byte", "gap", "e2e")
_OVER_TIME = (("bar", "median"), ("faint", "p99"))
_OVER_LOAD = (("curve c0", "median, circles"), ("curve c1", "p99, squares"))
_ENDS = (("curve due", "due"), ("faint", "ended well"), ("failed", "failed, a cross above"))
_CONSTANT = (
    "The load was nearly constant, so latency cannot be drawn against it. A run with steps or a"
    " ramp, as in --rate 1..20@1m, shows it."
)


def page(report: Report) -> str:
    """The whole page."""
    return document(
        report.title,
        [
            f'<header><p class="kind">Load test</p><h1>{text(_request(report))}</h1></header>',
            banner(report),
            tiles(report),
            section("What was measured", facts(report)),
            section("Objectives", _objectives(report)),
            section("Findings", pairs([("verdict", str(one)) for one in report.verdicts])),
            *_charts(report),
            section("All durations, ms", _durations(report)),
            section("Exchanges", pairs([*counts(report)])),
            glossary(report.summary),
            section("Options", options(report.about)),
        ],
    )


def _request(report: Report) -> str:
    """The request without its query, which may be long; the facts have it in full."""
    return report.title.partition("?")[0]


def _objectives(report: Report) -> str:
    rows = [(one.objective.text, one.shown or "-", one.outcome) for one in report.judgements]
    headings = ("objective", "measured", "outcome")
    return table("Objectives", headings, rows, "words") if rows else ""


def _durations(report: Report) -> str:
    headings, *rows = milestones(report)
    return table("All durations, in milliseconds", headings, rows, "numbers") if rows else ""


def _charts(report: Report) -> Iterator[str]:
    summary = report.summary
    if not summary.ends:
        return
    yield from _latencies(summary)
    yield _where_the_time_went(summary)
    yield figure(
        "Exchanges over time",
        _ENDS,
        both_widths(lambda width: over_time.exchanges(summary.timeline, width)),
        "exchanges per second, for each second of the run",
    )
    yield figure(
        "Open exchanges over time",
        [("curve due", "open at the end of each second")],
        both_widths(lambda width: over_time.concurrency(summary.timeline, width)),
        "seconds of the run",
    )
    yield _slowest(summary)
    yield from _histograms(summary)


def _latencies(summary: Summary) -> Iterator[str]:
    first = "Time to first token" if summary.tokens.answers else "First byte"
    seconds = summary.timeline.seconds.values()
    found = []
    for name, values in ((first, "first"), ("Latency to the last byte", "whole")):
        if any(getattr(one, values) for one in seconds):
            yield _over_time(summary, name, values)
            found += [*_over_load(summary, name, values)]
    yield from found or [section("Latency against load", f'<p class="note">{_CONSTANT}</p>')]


def _over_time(summary: Summary, name: str, values: str) -> str:
    return figure(
        f"{name} over time",
        _OVER_TIME,
        both_widths(lambda width: over_time.latency(name, summary.timeline, values, width)),
        "for each second of the run in which exchanges were due",
    )


def _over_load(summary: Summary, name: str, values: str) -> Iterator[str]:
    for unit, load in over_load.LOADS.items():
        if levels := over_load.levels(summary.timeline, load, values):
            drawing = both_widths(partial(over_load.latency, name, levels, unit))
            yield figure(f"{name} against {unit}", _OVER_LOAD, drawing, unit)


def _where_the_time_went(summary: Summary) -> str:
    records = summary.slowest.records()
    of_slowest = TimeSpent()
    for record in records:
        of_slowest.add(record)
    slowest = of_slowest.means
    rows = [("all", summary.spent.means), ("slowest", slowest)]
    used = [name for name in PHASES if any(name in means for _, means in rows)]
    if not used:
        return ""
    headings = ("phase", "mean, ms", "share", f"of the {len(records)} slowest, ms")
    spent = exchanges.time_spent(summary.spent.means, slowest)
    return section(
        "Where the time went",
        figure(
            "",
            [(exchanges.css_class(name), name) for name in used],
            both_widths(lambda width: exchanges.stacked(rows, width)),
            "ms: the mean of all complete exchanges, and of the slowest",
        ),
        table("Phases of exchanges", headings, spent, "numbers"),
    )


def _slowest(summary: Summary) -> str:
    records = summary.slowest.records()
    return section(
        "The slowest exchanges",
        figure(
            "",
            [("event", "event"), *exchanges.legend(records)],
            both_widths(lambda width: exchanges.waterfall(records, width)),
            "ms from the planned beginning",
        ),
        table(
            "The slowest exchanges",
            exchanges.SLOWEST,
            exchanges.slowest_rows(records, summary.began),
            "numbers",
        ),
    )


def _histograms(summary: Summary) -> Iterator[str]:
    reached = {name: one for name, one in summary.histograms.items() if one.get_total_count()}
    names = _DRAWN if summary.tokens.answers else _DRAWN_WITHOUT_ANSWERS
    drawn = [name for name in names if name in reached]
    if not drawn:
        return
    curves = [(f"curve c{n}", label(name)) for n, name in enumerate(drawn)]
    histograms = [reached[name] for name in drawn]
    yield figure(
        "Percentiles",
        curves,
        both_widths(lambda width: distributions.percentiles(histograms, width)),
        "the share of values that are no longer",
    )
    for name in drawn:
        yield _distribution(name, distribution(reached[name]))


def _distribution(name: str, found: Distribution) -> str:
    shown = label(name)
    counted = "gaps" if name in ("gap", "itl") else "exchanges"
    return figure(
        f"Distribution: {shown}",
        [("bar", f"{counted} for each duration")],
        both_widths(lambda width: distributions.bars(shown, found.bins, width)),
        _not_drawn(found),
    )


def _not_drawn(found: Distribution) -> str:
    sides = (("shorter", found.shorter), ("longer", found.longer))
    numbers = " and ".join([f"{count:,} {side}" for side, count in sides if count])
    return f"{numbers} than what is drawn" if numbers else ""
