"""The elements of a page. All text is escaped, control characters of a peer included."""

from collections.abc import Iterable, Sequence
from html import escape

from streamserver.lab.report.charts import shape
from streamserver.lab.report.page.style import STYLE
from streamserver.wire.printable import printable

Pair = tuple[str, str]
LINE = '<svg viewBox="0 0 24 8" aria-hidden="true"><path class="curve {}" d="M0 4H24"/></svg>'


def document(title: str, parts: Iterable[str]) -> str:
    """The whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(title)}</title><style>{STYLE}</style></head><body><main>",
            *filter(None, parts),
            "</main></body></html>\n",
        ]
    )


def text(plain: str) -> str:
    """The text, escaped."""
    return escape(printable(plain))


def section(name: str, *parts: str) -> str:
    """Parts under a heading; "" if all are empty."""
    content = "".join(parts)
    return content and f"<section><h2>{text(name)}</h2>{content}</section>"


def figure(name: str, kinds: Iterable[Pair], drawing: str, caption: str = "") -> str:
    """A chart under a heading, unless ``name`` is "", with its legend: classes of elements and what
    they show."""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    keys = "".join([f"<span>{_swatch(kind)}{text(shown)}</span>" for kind, shown in kinds])
    whole = f'<figure><p class="key">{keys}</p>{drawing}{below}</figure>'
    return section(name, whole) if name else whole


def _swatch(kind: str) -> str:
    """The sample of a class in a legend: a line for the class of a curve, the shape with a number,
    else an area."""
    name, _, rest = kind.partition(" ")
    if name == "shape":
        return f'<svg viewBox="-6 -6 12 12" aria-hidden="true">{shape(0, 0, int(rest))}</svg>'
    return LINE.format(rest) if name == "curve" else f'<i class="{kind}"></i>'


def table(name: str, headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    """A table that a narrow screen scrolls sideways."""
    head = "".join([f'<th scope="col">{text(one)}</th>' for one in headings])
    body = "".join([_row(row) for row in rows])
    content = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    # A region with a tabindex can also be scrolled by keys.
    return f'<div class="wide" role="region" aria-label="{text(name)}" tabindex="0">{content}</div>'


def _row(row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join([f'<td class="{_kind(one)}">{text(one)}</td>' for one in others])
    return f'<tr><th scope="row">{text(first)}</th>{cells}</tr>'


def _kind(cell: str) -> str:
    if cell.startswith(("missed", "nothing")):
        return "failed"
    return "met" if cell == "met" else "text" if len(cell) > LONG else "cell"


LONG = 20
"""Characters of a cell from which on it may be broken."""


def pairs(rows: Sequence[Pair], kind: str = "") -> str:
    """Names with their values; "" without any."""
    if not rows:
        return ""
    body = "".join([f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in rows])
    return f'<dl class="{" ".join(filter(None, ["pairs", kind]))}">{body}</dl>'
