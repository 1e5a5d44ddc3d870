"""The page of a comparison, for readers who were not there: what each URL adds to the first."""

from collections.abc import Iterator

from streamserver.lab.compare.chart import added_chart
from streamserver.lab.compare.forms import HEADINGS, counts, rows
from streamserver.lab.compare.intervals import CONFIDENCE, Interval
from streamserver.lab.compare.pairs import Hop
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.report.charts import both_widths
from streamserver.lab.report.histograms import MS
from streamserver.lab.report.page.glossary import DURATIONS, definitions
from streamserver.lab.report.page.headline import Headline, Tile, grid, paragraph, short, verdict
from streamserver.lab.report.page.markup import Pair, document, figure, pairs, section, table, text
from streamserver.lab.report.page.origin import options, origin
from streamserver.lab.report.table import REASONS, failures, label

_LEVEL = f"{CONFIDENCE:.0%}"
_KEYS = (("ttft", "e2e"), ("first_byte", "last_byte"))
"""The key figures of models' answers, and of other responses."""
_MEANINGS = {
    "Round": "one request to each URL, in random order, directly after each other: other load on"
    " the machine affects all alike",
    "Added": "in each round, the value with this URL - the value with the first one; shown is the"
    " median of the rounds that ended well with both. Milestones count from the sending of the"
    " request here, so that connecting adds nothing to them",
    f"{_LEVEL} interval": "contains the true median in this share of repeated measurements;"
    " computed by bootstrap, which assumes nothing about the distribution",
    "May be chance": "the interval contains 0, so the sign of the difference is not known",
    "Each event": "for each round the median of what is added to its events",
    "Objectives": "bounds of what is added: p99 is the value that 99 of 100 rounds do not exceed;"
    " errors are the share of exchanges with this URL that did not end well",
}


def page(report: ComparisonReport) -> str:
    """The whole page."""
    title = _title(report)
    return document(
        title,
        [
            f'<header><p class="kind">Comparison</p><h1>{text(title)}</h1></header>',
            paragraph(_headline(report)),
            grid(_tiles(report)),
            section("What was measured", _facts(report)),
            section("Objectives", _objectives(report)),
            section("Findings", pairs([*_findings(report)])),
            _chart(report),
            *[_hop(report, hop) for hop in report.hops],
            section("Exchanges", pairs([*_ends(report)])),
            definitions(_definitions(report)),
            section("Options", options(report.about)),
        ],
    )


def _title(report: ComparisonReport) -> str:
    """The requests without their queries, which may be long; the facts have them in full."""
    if not report.requests:
        return "Comparison"
    direct, *others = [one.partition("?")[0] for one in report.requests]
    if len(others) > 1:
        return f"{direct} compared with {len(others)} other URLs"
    return f"{direct} compared with {others[0].partition(' ')[2]}"


def _headline(report: ComparisonReport) -> Headline:
    found = filter(None, [_adds(report, hop) for hop in report.hops])
    adds = "; ".join(found) or "no response has a body"
    prefixes = len(report.hops) > 1
    judged = [(f"{name}: " if prefixes else "", one) for name, one in report.judged]
    head = verdict(report.not_valid, judged, adds)
    if head.kind == "none":
        return Headline("none", adds, "The measurement is valid; no objective was given")
    if head.kind == "missed" and not report.not_valid:
        return head._replace(reasons=f"{head.reasons}; {adds}")
    return head


def _adds(report: ComparisonReport, hop: Hop) -> str:
    """A sentence; "" if there is no pair to compare."""
    found = [f"{_time(one)} to the {label(name)}" for name, one in _key_figures(report, hop)]
    return f"{hop.name} adds {' and '.join(found)}" if found else ""


def _time(one: Interval) -> str:
    return _short(one.median) if one.excludes_zero else "no significant time"


def _key_figures(report: ComparisonReport, hop: Hop) -> Iterator[tuple[str, Interval]]:
    """The key figures that both sides have."""
    added = report.added[hop.name]
    names = next((names for names in _KEYS if names[0] in added), ())
    yield from [(name, added[name]) for name in names if name in added]


def _short(duration: float) -> str:
    """A duration in ns with three digits and a unit; it may be negative."""
    return ("-" if duration < 0 else "") + short(abs(duration) / MS)


def _tiles(report: ComparisonReport) -> Iterator[Tile]:
    for hop in report.hops:
        for name, one in _key_figures(report, hop):
            sign = "+" if one.median > 0 else ""
            chance = "" if one.excludes_zero else ", may be chance"
            beside = f"{_short(one.low)} to {_short(one.high)}{chance}"
            yield Tile(f"{label(name)}, added by {hop.name}", f"{sign}{_short(one.median)}", beside)


def _facts(report: ComparisonReport) -> str:
    sides = report.comparison.sides
    requests = zip([side.name for side in sides], report.requests, strict=False)
    servers = [
        (
            f"server, {one.name}",
            ", ".join(filter(None, [one.summary.address, *one.summary.servers])),
        )
        for one in sides
    ]
    return origin(report.about, requests, servers)


def _objectives(report: ComparisonReport) -> str:
    found = [
        (one.objective.text, one.outcome, one.shown or "-", name) for name, one in report.judged
    ]
    headings = ("objective", "outcome", "measured", "of")
    return table("Objectives", headings, found, "words") if found else ""


def _findings(report: ComparisonReport) -> Iterator[Pair]:
    for hop in report.hops:
        yield from [(hop.name, str(one)) for one in hop.verdicts]


def _chart(report: ComparisonReport) -> str:
    if not any(report.added.values()):
        return ""
    return figure(
        "What each URL adds",
        [(f"shape {number}", name) for number, name in enumerate(report.added)],
        both_widths(lambda width: added_chart(report.added, width)),
        f"ms added to direct: medians, and their {_LEVEL} intervals; the line is at 0",
    )


def _hop(report: ComparisonReport, hop: Hop) -> str:
    name = f"Added by {hop.name}"
    found = [
        [*row[:-1], "significant" if row.is_significant else "may be chance"]
        for row in rows(report, hop)
    ]
    headings = (*HEADINGS, "difference")
    shown = table(f"{name}, in milliseconds", headings, found, "numbers") if found else ""
    return section(f"{name}, ms", shown, pairs([*counts(hop)]))


def _ends(report: ComparisonReport) -> Iterator[Pair]:
    """How the exchanges of each side ended, and why they failed."""
    for side in report.comparison.sides:
        summary = side.summary
        ends = ", ".join([f"{end} {count}" for end, count in summary.ends.most_common()])
        yield side.name, ends or "none"
        reasons = [("reason", f"{n} x {one}") for one, n in summary.reasons.most_common(REASONS)]
        for name, found in (*failures(summary), *reasons):
            yield f"{side.name}, {name}", found


def _definitions(report: ComparisonReport) -> Iterator[tuple[str, str]]:
    yield from _MEANINGS.items()
    for name in {name: None for one in report.added.values() for name in one}:
        if name in DURATIONS:
            yield DURATIONS[name]
