"""A report as text. Control characters from a peer are escaped."""

from collections.abc import Iterator

from streamserver.lab.report.histograms import all_ms, ms
from streamserver.lab.report.report import Report
from streamserver.lab.report.summary import MILESTONES, Summary
from streamserver.wire.printable import printable

REASONS = 3
SHOWN = (50.0, 90.0, 99.0, 99.9)
_ROW = "{:<12}{:>9}" + "{:>11}" * (len(SHOWN) + 1)

LABELS = {"ttft": "TTFT", "itl": "ITL", "tpot": "TPOT", "e2e": "E2E latency"}
"""The names of figures in tables; other names have spaces instead of underscores."""

Labelled = tuple[str, str]
"""A line: its label and its text."""


def table(report: Report) -> str:
    """A line per milestone and figure, in ms, then how exchanges ended, then the verdicts."""
    lines = [
        *[_ROW.format(*row) for row in milestones(report)],
        "",
        *map(labelled, counts(report)),
        *map(labelled, _findings(report)),
    ]
    return "\n".join(map(printable, lines)) + "\n"


def labelled(line: Labelled) -> str:
    """The line as text."""
    return f"{line[0]:<11} {line[1]}"


def milestones(report: Report) -> Iterator[list[str]]:
    """A row of headings, and one per milestone and figure that was reached."""
    yield ["ms", "count", *[f"p{p:g}" for p in SHOWN], "max"]
    summary = report.summary
    for name, histogram in summary.histograms.items():
        count = histogram.get_total_count()
        # Without an answer, the latency would repeat the last byte.
        if count and (summary.tokens.answers or name in MILESTONES):
            shown = [f"{value:.3f}" for value in all_ms(histogram, (*SHOWN, 100))]
            yield [label(name), str(count), *shown]


def label(name: str) -> str:
    """The name of a milestone or figure for readers."""
    return LABELS.get(name) or name.replace("_", " ")


def counts(report: Report) -> Iterator[Labelled]:
    """How the exchanges ended, and what they received."""
    summary, seconds = report.summary, report.seconds
    ended = ", ".join(f"{end} {count}" for end, count in summary.ends.most_common())
    yield "exchanges", ended or "none"
    yield from failures(summary)
    for reason, count in summary.reasons.most_common(REASONS):
        yield "reason", f"{count} x {reason}"
    if summary.unsent:
        yield "not sent", str(summary.unsent)
    if summary.retries:
        yield "retried", f"{summary.retries}, since a kept connection had been closed"
    if summary.warmed:
        yield "warm-up", f"{summary.warmed} exchanges, which count nowhere else"
    yield "received", f"{summary.reads} reads, {summary.chunks} chunks, {summary.events} events"
    if seconds > 0:
        rates = (summary.ends.total() / seconds, summary.events / seconds, summary.size / seconds)
        shown = "{:,.1f} exchanges, {:,.1f} events, {:,.0f} bytes".format(*rates)
        yield "per second", f"{shown}, over {seconds:.2f} s"
    if summary.tokens.answers:
        yield from _tokens(report)
    if summary.goodput is not None:
        yield "goodput", _goodput(report, summary.goodput)
    if late := _own_lateness(summary):
        yield "this client", late


def _tokens(report: Report) -> Iterator[Labelled]:
    """The tokens of models' answers, and their rates."""
    tokens, complete = report.summary.tokens, report.summary.ends["complete"]
    read = f"{tokens.input:,} input ({tokens.cached:,} cached), "
    written = f"{tokens.output:,} output ({tokens.reasoning:,} reasoning), "
    if not tokens.by_usage:
        found = f"{tokens.output:,} output, counted as events: the service reported no usage"
    elif not tokens.by_events:
        found = f"{read}{written}as the service reported them"
    else:
        source = f"reported for {tokens.by_usage} answers, counted as events for {tokens.by_events}"
        found = read + written + source
    yield "tokens", found
    rates = report.per_second(complete), report.per_second(tokens.output)
    yield "throughput", "{:,.2f} requests/s, {:,.1f} output tokens/s".format(*rates)
    if tokens.per_second.get_total_count():
        slow, usual = ms(tokens.per_second, 10), ms(tokens.per_second, 50)
        yield "per request", f"{usual:,.1f} output tokens/s at p50, {slow:,.1f} at p10"


def _goodput(report: Report, share: float) -> str:
    summary = report.summary
    limits = ", ".join([limit.text for limit in summary.limits])
    rate = report.per_second(summary.good)
    return f"{rate:,.2f} requests/s, {summary.good} ({share:.3%}) within {limits}"


def failures(summary: Summary) -> Iterator[Labelled]:
    """The count of each status that is no success, and the first line of one body of each.

    Statuses below 300 are listed where one of them brought no stream.
    """
    least = 100 if summary.ends["no_stream"] else 300
    statuses = sorted((status, n) for status, n in summary.statuses.items() if status >= least)
    if statuses:
        yield "statuses", ", ".join(f"{status} x {n}" for status, n in statuses)
    for status, line in sorted(summary.answers.items()):
        yield f"answer {status}", line


def _own_lateness(summary: Summary) -> str:
    histograms = (("began", summary.start_late), ("its event loop was", summary.loop_lag))
    return ", ".join(
        f"{name} {ms(one, 50):.3f} ms late at p50, {ms(one, 99):.3f} at p99"
        for name, one in histograms
        if one.get_total_count()
    )


def _findings(report: Report) -> Iterator[Labelled]:
    for verdict in report.verdicts:
        yield "verdict", str(verdict)
    for judgement in report.judgements:
        yield "objective", str(judgement)
    for reason in report.not_valid:
        yield "not valid", reason
