"""A report as one page of HTML: no script, nothing from outside, so it can be kept and sent."""

from collections.abc import Iterable, Iterator

from streamserver.lab.report import tables
from streamserver.lab.report.bins import Distribution, distribution
from streamserver.lab.report.charts import bars, percentiles, time_line
from streamserver.lab.report.report import Report
from streamserver.lab.report.tables import text
from streamserver.lab.report.waterfall import waterfall

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2326; --quiet: #59646a; --line: #dde2e5;
  --faint: #bcd6ea; --failed: #b3361f; --a: #2a78b8; --b: #b8602a; --c: #2f8f5b;
  --d: #8a4fb0; --e: #a88a12; --f: #c0417c; --g: #4a6b7c; --h: #7d5a45; }
@media (prefers-color-scheme: dark) { :root { --page: #121617; --ink: #e6e4de; --quiet: #a0abab;
  --line: #2f383a; --faint: #26465e; --failed: #f09a85; --a: #5aa5e0; --b: #e0975a;
  --c: #5fc792; --d: #bf8be0; --e: #d6ba48; --f: #ea83b2; --g: #94b0bf;
  --h: #c4a48f; } }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
figure { margin: 0; } figcaption, summary { font-size: 0.85rem; color: var(--quiet); }
.wide { overflow-x: auto; } table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: 0.2rem 1.2rem 0.2rem 0; text-align: left; font-weight: normal; }
thead th { border-bottom: 1px solid var(--line); color: var(--quiet); }
.numbers td, .numbers th + th { padding: 0.2rem 0 0.2rem 1.2rem; text-align: right; }
.numbers, dd { font: 0.8rem/1.7 ui-monospace, Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1.2rem; margin: 0.5rem 0; }
dt { color: var(--quiet); font-size: 0.85rem; } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } text { font: 11px system-ui, sans-serif; fill: var(--quiet); }
.middle { text-anchor: middle; } .end { text-anchor: end; } .grid { stroke: var(--line); }
rect { fill: currentColor; }
.curve { fill: none; stroke: currentColor; stroke-width: 1.8; }
.key { font-size: 0.85rem; } .key span { padding-right: 1.2em; white-space: nowrap; }
.key i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em;
  background: currentColor; }
.bar, .event, .c0 { color: var(--a); } .faint, .body { color: var(--faint); }
.failed { color: var(--failed); } .waited { color: var(--quiet); } .c1, .head { color: var(--b); }
.c2, .tls { color: var(--c); } .c3, .first-byte { color: var(--d); }
.c4, .connect { color: var(--e); } .c5 { color: var(--f); } .c6 { color: var(--g); }
.c7 { color: var(--ink); } .c8 { color: var(--quiet); }
.c9 { color: var(--h); }
.first-reasoning { color: var(--g); } .first-token { color: var(--f); }
.first-tool-call { color: var(--h); }
/* What is drawn shrinks with the page; its words must not. */
@media (max-width: 40rem) { svg { overflow: visible; } text { font-size: 18px; } }
"""
_PHASES = (
    ("waited", "waited"),
    ("connect", "connect"),
    ("tls", "TLS"),
    ("head", "to the head"),
    ("first-byte", "to the first byte"),
    ("body", "body"),
    ("event", "event"),
    ("first-reasoning", "first reasoning"),
    ("first-token", "first token"),
    ("first-tool-call", "first tool call"),
)
_SECONDS = (("bar", "mean"), ("faint", "slowest"), ("failed", "a second with failures"))


def page(report: Report) -> str:
    """The whole document."""
    title = text(report.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            tables.run(report.about) if report.about else "",
            tables.findings(report),
            f"<h2>Objectives</h2>{tables.objectives(report)}" if report.judgements else "",
            f"<h2>Milestones, ms</h2>{tables.figures(report)}",
            f"<h2>Exchanges</h2>{tables.totals(report)}",
            *_charts(report),
            "</body></html>\n",
        ]
    )


def _charts(report: Report) -> Iterator[str]:
    summary = report.summary
    there = {name: one for name, one in summary.histograms.items() if one.get_total_count()}
    if not there:
        return
    for name in ("first_reasoning", "first_token", "first_tool_call", "first_byte", "gap"):
        if name in there:
            shown = name.replace("_", " ")
            of = "gaps between events" if name == "gap" else "exchanges"
            legend = [("bar", f"{of} for each duration")]
            found = distribution(there[name])
            drawing = bars(shown, found.bins)
            yield _figure(f"Distribution: {shown}", legend, drawing, _not_drawn(found))
    curves = [(f"c{n}", name.replace("_", " ")) for n, name in enumerate(there)]
    axis = "the share of exchanges or gaps that took no longer"
    yield _figure("Percentiles", curves, percentiles([*there.values()]), axis)
    if any(second.measured for second in summary.timeline.seconds.values()):
        drawing = time_line(summary.timeline)
        yield _figure("First byte over time", _SECONDS, drawing, "ms, for each second of the run")
    slowest = waterfall(summary.slowest.records())
    yield _figure("The slowest exchanges", _PHASES, slowest, "ms from the planned beginning")


def _not_drawn(found: Distribution) -> str:
    """How many values lie beyond the ends of the chart."""
    sides = (("shorter", found.shorter), ("longer", found.longer))
    numbers = " and ".join([f"{count:,} {side}" for side, count in sides if count])
    return f"{numbers} than what is drawn" if numbers else ""


def _figure(name: str, kinds: Iterable[tuple[str, str]], drawing: str, axis: str = "") -> str:
    """A chart below its heading and its legend, with what its axis counts."""
    keys = "".join([f'<span><i class="{kind}"></i>{text(one)}</span>' for kind, one in kinds])
    caption = f"<figcaption>{text(axis)}</figcaption>" if axis else ""
    legend = f'<p class="key">{keys}</p>'
    return f"<h2>{text(name)}</h2><figure>{legend}{drawing}{caption}</figure>"
