"""The figures of a report by their usual names, each with its formula."""

from collections.abc import Iterable, Iterator

from streamserver.lab.report.page.markup import section, text
from streamserver.lab.report.phases import PHASES
from streamserver.lab.report.summary import Summary

DURATIONS = {
    "ttft": (
        "TTFT, time to first token",
        "arrival of the first piece of text or of a tool call - planned beginning; reasoning does"
        " not count",
    ),
    "first_reasoning": (
        "First reasoning",
        "arrival of the first piece of reasoning - planned beginning",
    ),
    "itl": (
        "ITL, inter-token latency",
        "arrival of an event with a token - arrival of the one before; 0 within one read",
    ),
    "tpot": (
        "TPOT, time per output token",
        "(arrival of the last token - arrival of the first) / (output tokens - 1), of each answer"
        " with at least two",
    ),
    "e2e": (
        "E2E latency",
        "arrival of the last byte - planned beginning, of complete exchanges",
    ),
    "first_byte": (
        "First byte",
        "arrival of the first byte of the body - planned beginning",
    ),
    "gap": ("Gap", "arrival of an event - arrival of the one before; 0 within one read"),
}
TOKENS = {
    "Output tokens per second": "output tokens of all answers / seconds of the run; of a request:"
    " its output tokens / E2E latency",
    "Tokens": "as the service reports them (usage); else the number of events with a token",
}
RATES = {
    "Planned beginning": "when the exchange was due. In an open loop (a rate) this does not depend"
    " on earlier responses; in a closed loop it is the moment of the request",
    "Request throughput": "complete exchanges / seconds of the run, which are those from the first"
    " planned beginning to the last end",
    "Goodput": "complete exchanges that kept every limit / seconds of the run; its share is of the"
    " exchanges that the client did not stop",
    "Errors": "exchanges that did not end well / exchanges that the client did not stop",
    "p50, p99": "the value that 50 or 99 of 100 values do not exceed; p50 is the median",
}


def glossary(summary: Summary) -> str:
    """The definitions of the figures that this report has."""
    return definitions(_definitions(summary))


def definitions(found: Iterable[tuple[str, str]]) -> str:
    """Names with their formulas."""
    rows = [f"<div><dt>{text(name)}</dt><dd>{text(formula)}</dd></div>" for name, formula in found]
    return section("What the figures mean", f'<dl class="glossary">{"".join(rows)}</dl>')


def _definitions(summary: Summary) -> Iterator[tuple[str, str]]:
    for name, definition in DURATIONS.items():
        if summary.histograms[name].get_total_count():
            yield definition
    if summary.tokens.answers:
        yield from TOKENS.items()
    yield from RATES.items()
    ends = "; ".join([f"{name}: {end}" for name, end in PHASES.items()])
    yield "Phases", f"each begins where the one before ends. {ends}"
