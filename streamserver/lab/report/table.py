"""A report as text, in which no control character of a peer is left."""

from collections.abc import Iterator

from streamserver.lab.report.report import MS, Report
from streamserver.lab.report.summary import Summary
from streamserver.wire.printable import printable

REASONS = 3
SHOWN = (50.0, 90.0, 99.0, 99.9)
_ROW = "{:<12}{:>9}" + "{:>11}" * (len(SHOWN) + 1)


def table(report: Report) -> str:
    """A line for each milestone, in milliseconds; then how exchanges ended, and what it means."""
    lines = [
        *[_ROW.format(*row) for row in milestones(report)],
        "",
        *map(labelled, counts(report)),
        *map(labelled, meaning(report)),
    ]
    return "\n".join(map(printable, lines)) + "\n"


Labelled = tuple[str, str]
"""What a line is about, and what it says."""


def labelled(line: Labelled) -> str:
    """The line as text."""
    return f"{line[0]:<11} {line[1]}"


def milestones(report: Report) -> Iterator[list[str]]:
    """A row of headings, and one for each milestone that was reached."""
    yield ["ms", "count", *[f"p{p:g}" for p in SHOWN], "max"]
    for name, histogram in report.summary.histograms.items():
        count = histogram.get_total_count()
        if count:
            values = [histogram.get_value_at_percentile(p) for p in SHOWN]
            shown = [f"{value / MS:.3f}" for value in (*values, histogram.get_max_value())]
            yield [name.replace("_", " "), str(count), *shown]


def counts(report: Report) -> Iterator[Labelled]:
    """How many exchanges ended how, and what they brought."""
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
        told = "{:,.1f} exchanges, {:,.1f} events, {:,.0f} bytes".format(*rates)
        yield "per second", f"{told}, over {seconds:.2f} s"
    if late := _own_lateness(summary):
        yield "this client", late


def failures(summary: Summary) -> Iterator[Labelled]:
    """How often each status came that is no success, and the first line of one body of each; a
    status that promised success is counted where it was no success."""
    least = 100 if summary.ends["no_stream"] else 300
    statuses = sorted((status, n) for status, n in summary.statuses.items() if status >= least)
    if statuses:
        yield "statuses", ", ".join(f"{status} x {n}" for status, n in statuses)
    for status, line in sorted(summary.answers.items()):
        yield f"answer {status}", line


def _own_lateness(summary: Summary) -> str:
    """How much of the figures may be the client's doing."""
    looked = (("began", summary.start_late), ("its event loop was", summary.loop_lag))
    figures = [
        (name, *[f"{one.get_value_at_percentile(p) / MS:.3f}" for p in (50.0, 99.0)])
        for name, one in looked
        if one.get_total_count()
    ]
    return ", ".join(f"{name} {p50} ms late at p50, {p99} at p99" for name, p50, p99 in figures)


def meaning(report: Report) -> Iterator[Labelled]:
    """What the numbers mean."""
    for verdict in report.verdicts:
        yield "verdict", str(verdict)
    for judgement in report.judgements:
        yield "objective", str(judgement)
    for reason in report.not_valid:
        yield "not valid", reason
