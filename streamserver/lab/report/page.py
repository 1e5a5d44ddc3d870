"""A report as one page of HTML without scripts and external resources, so it can be kept and sent.

Control characters from a peer are escaped.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from streamserver.lab.report import charts
from streamserver.lab.report.histograms import Distribution, distribution
from streamserver.lab.report.report import About, Report
from streamserver.lab.report.summary import MILESTONES
from streamserver.lab.report.table import counts, milestones
from streamserver.wire.printable import printable

STYLE = f"""{charts.STYLE}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere; }} h2 {{ font-size: 1.1rem; margin-top: 2.2rem; }}
figure {{ margin: 0; }} figcaption, summary {{ font-size: 0.85rem; color: var(--quiet); }}
.wide {{ overflow-x: auto; }} table {{ border-collapse: collapse; white-space: nowrap; }}
th, td {{ padding: 0.2rem 1.2rem 0.2rem 0; text-align: left; font-weight: normal; }}
thead th {{ border-bottom: 1px solid var(--line); color: var(--quiet); }}
.numbers td, .numbers th + th {{ padding: 0.2rem 0 0.2rem 1.2rem; text-align: right; }}
.numbers, dd {{ font: 0.8rem/1.7 ui-monospace, Menlo, Consolas, monospace; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1.2rem; margin: 0.5rem 0; }}
dt {{ color: var(--quiet); font-size: 0.85rem; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; }}
.key {{ font-size: 0.85rem; }} .key span {{ padding-right: 1.2em; white-space: nowrap; }}
.key i {{ display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em;
  background: currentColor; }}
.bar, .event, .c0 {{ color: var(--a); }} .faint, .body {{ color: var(--faint); }}
.failed {{ color: var(--failed); }} .waited {{ color: var(--quiet); }}
.c1, .to-the-head {{ color: var(--b); }} .c2, .TLS {{ color: var(--c); }}
.c3, .to-the-first-byte {{ color: var(--d); }} .c4, .connect {{ color: var(--e); }}
.c5 {{ color: var(--f); }} .c6 {{ color: var(--g); }} .c7 {{ color: var(--ink); }}
.c8 {{ color: var(--quiet); }} .c9 {{ color: var(--h); }}
.first-reasoning {{ color: var(--g); }} .first-token {{ color: var(--f); }}
.first-tool-call {{ color: var(--h); }}
/* Drawings shrink with the page; their text must stay legible. */
@media (max-width: 40rem) {{ svg {{ overflow: visible; }} text {{ font-size: 18px; }} }}
"""
_SECONDS = (("bar", "mean"), ("faint", "slowest"), ("failed", "a second with failures"))


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
            _run(report.about) if report.about else "",
            _findings(report),
            f"<h2>Objectives</h2>{_objectives(report)}" if report.judgements else "",
            f"<h2>Milestones, ms</h2>{_milestones(report)}",
            f"<h2>Exchanges</h2>{_pairs([*counts(report)])}",
            *_charts(report),
            "</body></html>\n",
        ]
    )


def _run(about: About) -> str:
    """When and how the figures were made; options with their default are folded."""
    given = [(one.name, one.value) for one in about.settings if not one.is_default]
    defaults = [(one.name, one.value) for one in about.settings if one.is_default]
    folded = f"<details><summary>Options by default</summary>{_pairs(defaults)}</details>"
    rows = [("date", about.date), ("version", about.version), ("command", about.command)]
    return _pairs(rows, "run") + "<h2>Options</h2>" + _pairs(given) + folded


def _findings(report: Report) -> str:
    verdicts = [("verdict", str(verdict)) for verdict in report.verdicts]
    reasons = [("not valid", reason) for reason in report.not_valid]
    found = _pairs(verdicts) + _pairs(reasons, "failed")
    return found and f"<h2>Verdicts</h2>{found}"


def _objectives(report: Report) -> str:
    rows = [(one.objective.text, one.shown or "-", one.outcome) for one in report.judgements]
    return _table("Objectives", ("objective", "measured", "outcome"), rows, "words")


def _milestones(report: Report) -> str:
    headings, *rows = milestones(report)
    return _table("Milestones, in milliseconds", headings, rows, "numbers")


def _charts(report: Report) -> Iterator[str]:
    summary = report.summary
    milestones = {name: summary.histograms[name] for name in MILESTONES}
    reached = {name: one for name, one in milestones.items() if one.get_total_count()}
    if not reached:
        return
    for name in ("first_reasoning", "first_token", "first_tool_call", "first_byte", "gap"):
        if name in reached:
            shown = name.replace("_", " ")
            counted = "gaps between events" if name == "gap" else "exchanges"
            legend = [("bar", f"{counted} for each duration")]
            found = distribution(reached[name])
            drawing = charts.bars(shown, found.bins)
            yield _figure(f"Distribution: {shown}", legend, drawing, _not_drawn(found))
    curves = [(f"c{n}", name.replace("_", " ")) for n, name in enumerate(reached)]
    axis = "the share of exchanges or gaps that took no longer"
    yield _figure("Percentiles", curves, charts.percentiles([*reached.values()]), axis)
    if any(second.measured for second in summary.timeline.seconds.values()):
        drawing = charts.time_line(summary.timeline)
        yield _figure("First byte over time", _SECONDS, drawing, "ms, for each second of the run")
    phases = [(charts.css_class(name), name) for name in charts.WATERFALL]
    slowest = charts.waterfall(summary.slowest.records())
    yield _figure("The slowest exchanges", phases, slowest, "ms from the planned beginning")


def _not_drawn(found: Distribution) -> str:
    sides = (("shorter", found.shorter), ("longer", found.longer))
    numbers = " and ".join([f"{count:,} {side}" for side, count in sides if count])
    return f"{numbers} than what is drawn" if numbers else ""


def _figure(name: str, kinds: Iterable[tuple[str, str]], drawing: str, axis: str = "") -> str:
    keys = "".join([f'<span><i class="{kind}"></i>{_text(one)}</span>' for kind, one in kinds])
    caption = f"<figcaption>{_text(axis)}</figcaption>" if axis else ""
    legend = f'<p class="key">{keys}</p>'
    return f"<h2>{_text(name)}</h2><figure>{legend}{drawing}{caption}</figure>"


def _table(name: str, headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    """A table that a narrow screen scrolls sideways."""
    head = "".join([f'<th scope="col">{_text(one)}</th>' for one in headings])
    body = "".join([_row(row) for row in rows])
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    # A region with a tabindex can also be scrolled by keys.
    return f'<div class="wide" role="region" aria-label="{_text(name)}" tabindex="0">{table}</div>'


def _row(row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join([f'<td class="{_kind(one)}">{_text(one)}</td>' for one in others])
    return f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>'


def _kind(cell: str) -> str:
    return "failed" if cell.startswith(("missed", "nothing")) else "cell"


def _pairs(rows: Sequence[tuple[str, str]], kind: str = "pairs") -> str:
    if not rows:
        return ""
    body = "".join([f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows])
    return f'<dl class="{kind}">{body}</dl>'


def _text(plain: str) -> str:
    return escape(printable(plain))
