"""A report as one page of HTML: no script, nothing from outside, so it can be kept and sent."""

from collections.abc import Iterable, Iterator
from html import escape

from streamserver.lab.report.charts import distribution, percentiles, time_line
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import figures, meaning
from streamserver.lab.report.waterfall import waterfall
from streamserver.wire.printable import printable

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
pre { overflow-x: auto; font: 0.8rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
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
    ("body", "body and its events"),
    ("first-reasoning", "first reasoning"),
    ("first-token", "first token"),
    ("first-tool-call", "first tool call"),
)


def page(report: Report) -> str:
    """The whole document."""
    title = _text(report.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            "<pre>" + "\n".join(map(_text, figures(report))) + "</pre>",
            *[f"<p>{_text(line)}</p>" for line in meaning(report)],
            *_charts(report),
            "</body></html>\n",
        ]
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _charts(report: Report) -> Iterator[str]:
    summary = report.summary
    there = {name: one for name, one in summary.histograms.items() if one.get_total_count()}
    if not there:
        return
    for name in ("first_reasoning", "first_token", "first_tool_call", "first_byte", "gap"):
        if name in there:
            shown = name.replace("_", " ")
            yield f"<h2>Distribution: {shown}</h2>{distribution(shown, there[name])}"
    curves = _key([(f"c{n}", name.replace("_", " ")) for n, name in enumerate(there)])
    yield f"<h2>Percentiles</h2>{curves}{percentiles([*there.values()])}"
    yield f"<h2>First byte over time, ms</h2>{time_line(summary.timeline)}"
    slowest = waterfall(summary.slowest.records())
    yield f"<h2>The slowest exchanges, ms</h2>{_key(_PHASES)}{slowest}"


def _key(kinds: Iterable[tuple[str, str]]) -> str:
    """What each colour means."""
    told = [f'<span><i class="{kind}"></i>{text}</span>' for kind, text in kinds]
    return f'<p class="key">{"".join(told)}</p>'
