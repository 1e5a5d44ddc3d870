"""The top of a report, for a reader with a minute: the verdict, the key figures, and what was asked
of whom, when and with which version."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streamserver.lab.report.charts import duration
from streamserver.lab.report.histograms import ms
from streamserver.lab.report.page.markup import text
from streamserver.lab.report.page.origin import origin
from streamserver.lab.report.progress import failures
from streamserver.lab.report.report import Report
from streamserver.lab.report.slo import Judgement
from streamserver.lab.report.summary import Summary

SIGNS = {"met": "✓ ", "missed": "✗ ", "none": ""}


class Headline(NamedTuple):
    """The verdict: ``met``, ``missed`` or ``none``, a few words, and a sentence of reasons."""

    kind: str
    words: str
    reasons: str


def headline(report: Report) -> Headline:
    """The verdict on the run."""
    errors = report.summary.errors
    share = "no exchange ended" if errors is None else f"{errors:.3%} of the exchanges failed"
    return verdict(report.not_valid, [("", one) for one in report.judgements], share)


def verdict(
    not_valid: Sequence[str], judged: Sequence[tuple[str, Judgement]], finding: str
) -> Headline:
    """The verdict of a valid measurement by its objectives, each with the name of what it is of;
    ``finding``: what the measurement shows without any."""
    missed = [f"{name}{_shown(one)}" for name, one in judged if not one.is_met]
    met = f"{len(judged) - len(missed)} of {len(judged)} objectives met"
    if not_valid:
        return Headline("missed", "The measurement is not valid", "; ".join(not_valid))
    if missed:
        return Headline("missed", f"Objectives missed: {met}", "; ".join(missed))
    if judged:
        return Headline("met", f"Objectives met: {met}", f"The measurement is valid; {finding}")
    return Headline("none", "No objective was given", f"The measurement is valid; {finding}")


def _shown(one: Judgement) -> str:
    return f"{one.objective.text}, measured {one.shown or 'nothing'}"


def banner(report: Report) -> str:
    """The verdict as the first paragraph."""
    return paragraph(headline(report))


def paragraph(verdict: Headline) -> str:
    """A verdict with its sign, its words and its reasons."""
    sign = f'<span aria-hidden="true">{SIGNS[verdict.kind]}</span>'
    words = f"<b>{sign}{text(verdict.words)}</b>"
    reasons = f"<span>{text(verdict.reasons)}.</span>"
    return f'<p class="verdict {verdict.kind}">{words}<br>{reasons}</p>'


class Tile(NamedTuple):
    """A key figure: its name, its value, and what stands beside."""

    name: str
    value: str
    beside: str = ""


def tiles(report: Report) -> str:
    """The key figures that the run has."""
    return grid(_tiles(report))


def grid(tiles: Iterable[Tile]) -> str:
    """Key figures beside each other; "" without any."""
    shown = [
        f"<div><dt>{text(one.name)}</dt><dd><b>{text(one.value)}</b>{text(one.beside)}</dd></div>"
        for one in tiles
    ]
    return f'<dl class="tiles">{"".join(shown)}</dl>' if shown else ""


def _tiles(report: Report) -> Iterator[Tile]:
    summary = report.summary
    if summary.tokens.answers:
        durations = {"ttft": "TTFT", "itl": "ITL", "tpot": "TPOT", "e2e": "E2E latency"}
    else:
        durations = {"first_byte": "First byte", "gap": "Gap between events", "e2e": "Last byte"}
    yield from _durations(summary, durations)
    if summary.tokens.output:
        output = report.per_second(summary.tokens.output)
        yield Tile("Output tokens per second", f"{output:,.1f}", _per_request(summary))
    complete = summary.ends["complete"]
    requests = f"{report.per_second(complete):,.2f}/s"
    yield Tile("Request throughput", requests, f"{complete:,} complete exchanges")
    if summary.goodput is not None:
        limits = ", ".join([limit.text for limit in summary.limits])
        good = f"{report.per_second(summary.good):,.2f}/s"
        yield Tile("Goodput", good, f"{summary.goodput:.1%} within {limits}")
    if summary.errors is not None:
        counted = summary.ends.total() - summary.ends["stopped"]
        yield Tile("Errors", f"{summary.errors:.2%}", f"{failures(summary):,} of {counted:,}")


def _per_request(summary: Summary) -> str:
    rates = summary.tokens.per_second
    return f"median of a request {ms(rates, 50):,.1f}" if rates.get_total_count() else ""


def _durations(summary: Summary, names: dict[str, str]) -> Iterator[Tile]:
    for name, shown in names.items():
        histogram = summary.histograms[name]
        if histogram.get_total_count():
            median, rare = ms(histogram, 50), ms(histogram, 99)
            yield Tile(f"{shown}, median", short(median), f"p99 {short(rare)}")


def short(milliseconds: float) -> str:
    """Three digits and a unit."""
    return duration(float(f"{milliseconds:.3g}"))


def facts(report: Report) -> str:
    """What was asked, of whom, when, and with which version."""
    summary = report.summary
    server = ", ".join(filter(None, [summary.address, *summary.servers]))
    return origin(report.about, servers=[("server", server)])
