"""The tables of a report's page: of its run, its objectives, its milestones and its counts."""

from collections.abc import Iterable, Sequence
from html import escape

from streamserver.lab.report.about import About
from streamserver.lab.report.report import Report
from streamserver.lab.report.table import counts, milestones
from streamserver.wire.printable import printable


def text(plain: str) -> str:
    """Text as HTML, in which no control character of a peer is left."""
    return escape(printable(plain))


def run(about: About) -> str:
    """When and by what the figures were made; options that were not given are folded."""
    given = [(one.name, one.value) for one in about.settings if not one.is_default]
    defaults = [(one.name, one.value) for one in about.settings if one.is_default]
    folded = f"<details><summary>Options by default</summary>{_pairs(defaults)}</details>"
    rows = [("date", about.date), ("version", about.version), ("command", about.command)]
    return _pairs(rows, "run") + "<h2>Options</h2>" + _pairs(given) + folded


def objectives(report: Report) -> str:
    """Each objective, what was measured, and the outcome."""
    rows = [
        (one.objective.text, one.shown or "-", one.outcome) for one in report.judgements
    ]
    return _table("Objectives", ("objective", "measured", "outcome"), rows, "words")


def figures(report: Report) -> str:
    """The milestones, which a narrow screen scrolls sideways."""
    headings, *rows = milestones(report)
    return _table("Milestones, in milliseconds", headings, rows, "numbers")


def totals(report: Report) -> str:
    """How exchanges ended, and what they brought."""
    return _pairs([*counts(report)])


def findings(report: Report) -> str:
    """The verdicts, and why the measurement is not valid."""
    verdicts = [("verdict", str(verdict)) for verdict in report.verdicts]
    reasons = [("not valid", reason) for reason in report.not_valid]
    found = _pairs(verdicts) + _pairs(reasons, "failed")
    return found and f"<h2>Verdicts</h2>{found}"


def _table(name: str, headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    head = "".join([f'<th scope="col">{text(one)}</th>' for one in headings])
    body = "".join([_row(row) for row in rows])
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    # With a tabindex, so that the keys can scroll it too.
    return f'<div class="wide" role="region" aria-label="{text(name)}" tabindex="0">{table}</div>'


def _row(row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join([f'<td class="{_kind(one)}">{text(one)}</td>' for one in others])
    return f'<tr><th scope="row">{text(first)}</th>{cells}</tr>'


def _kind(cell: str) -> str:
    return "failed" if cell.startswith(("missed", "nothing")) else "cell"


def _pairs(rows: Sequence[tuple[str, str]], kind: str = "pairs") -> str:
    if not rows:
        return ""
    body = "".join([f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in rows])
    return f'<dl class="{kind}">{body}</dl>'
