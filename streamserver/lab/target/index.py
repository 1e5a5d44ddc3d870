"""``GET /``: the endpoints and their knobs, as text, as a page or as JSON, by Accept."""

import json
from collections.abc import Callable, Iterable, Iterator
from html import escape
from textwrap import wrap
from typing import Any

from streamserver.kit.params import Parameter
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.lab.faults.asked import KINDS
from streamserver.lab.target.commands import FREE
from streamserver.lab.target.endpoints import ENDPOINTS, KNOBS, OUTER, Endpoint
from streamserver.wire.accept import preferred

WIDTH = 98
"""Characters of a line of text."""
TITLE = "streamserver target"
ABOUT = (
    "Each endpoint streams as its request commands."
    " A wrong knob is refused with a 400 that says what is allowed."
)
KNOBS_ABOUT = (
    "A knob is a parameter of the query or a field of the request: gap=0.1 is X-Lab-Gap: 0.1."
    f" {FREE}=ANYTHING has no effect, and makes a URL a new one."
)
OUTER_ABOUT = "Every endpoint takes these, too:"
FAULTS_ABOUT = "Faults: " + ", ".join(KINDS)
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code { font: 0.9em ui-monospace, Menlo, Consolas, monospace; }
dt { margin-top: 0.8rem; } dd { margin: 0 0 0 1.5rem; overflow-wrap: anywhere; }
dd small { opacity: 0.8; }
"""


def add_index(app: Router) -> None:
    """Serve the index at ``/``."""
    app.get("/")(index)


async def index(request: Request) -> Response:
    """The index in the form that Accept prefers; paths are those at which it was asked."""
    kind = preferred(request.headers.get("accept") or "", [*_FORMS])
    prefix = request.exchange.route.rstrip("/")
    endpoints = [(_below(prefix, one.path), _below(prefix, one.example), one) for one in ENDPOINTS]
    headers = {"content-type": f"{kind}; charset=utf-8", "vary": "accept"}
    return Response(_FORMS[kind](endpoints), headers=headers)


def _below(prefix: str, path: str) -> str:
    """A path as clients see it, who may see the target below /lab."""
    if not path:
        return ""
    return prefix + (path.removeprefix("/lab") if prefix.endswith("/lab") else path)


_Seen = tuple[str, str, Endpoint]
"""The path and the example as they are shown, and the endpoint."""


def _as_text(endpoints: Iterable[_Seen]) -> str:
    lines = [TITLE, "", *wrap(ABOUT, WIDTH), ""]
    for path, example, one in endpoints:
        lines.append(f"{one.method:<7} {path:<25} {one.about}")
        if example:
            lines.append(f"{'':<33} {example}")
        lines += [f"{'':<33} {line}" for line in wrap(" ".join(one.knobs), WIDTH - 34)]
    lines += ["", *wrap(KNOBS_ABOUT, WIDTH), "", *_rows(KNOBS)]
    lines += ["", OUTER_ABOUT, "", *_rows(OUTER), "", *wrap(FAULTS_ABOUT, WIDTH), ""]
    return "\n".join(lines)


def _rows(knobs: dict[str, Parameter[Any]]) -> Iterator[str]:
    for name, knob in knobs.items():
        yield f"  {name:<18} {knob.allowed}{_default(knob)}"


def _default(knob: Parameter[Any]) -> str:
    return "" if knob.default in (None, "") else f" (default: {knob.default})"


def _as_page(endpoints: Iterable[_Seen]) -> str:
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{TITLE}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{TITLE}</h1><p>{escape(ABOUT)}</p><dl>",
            *[_item(*one) for one in endpoints],
            f"</dl><h2>Knobs</h2><p>{escape(KNOBS_ABOUT)}</p><dl>",
            *_terms(KNOBS),
            f"</dl><p>{escape(OUTER_ABOUT)}</p><dl>",
            *_terms(OUTER),
            f"</dl><p>{escape(FAULTS_ABOUT)}</p></body></html>\n",
        ]
    )


def _item(path: str, example: str, one: Endpoint) -> str:
    shown = f"<code>{one.method} {escape(path)}</code>"
    link = f' <a href="{escape(example)}"><code>{escape(example)}</code></a>' if example else ""
    knobs = f"<br><small><code>{' '.join(one.knobs)}</code></small>" if one.knobs else ""
    return f"<dt>{shown}</dt><dd>{escape(one.about)}{link}{knobs}</dd>"


def _terms(knobs: dict[str, Parameter[Any]]) -> Iterator[str]:
    for name, knob in knobs.items():
        yield f"<dt><code>{name}</code></dt><dd>{escape(knob.allowed + _default(knob))}</dd>"


def _as_json(endpoints: Iterable[_Seen]) -> str:
    listed = {
        "title": TITLE,
        "endpoints": [
            {
                "method": one.method,
                "path": path,
                "about": one.about,
                "example": example or None,
                "knobs": [*one.knobs],
            }
            for path, example, one in endpoints
        ],
        "knobs": _ranges(KNOBS),
        "everywhere": _ranges(OUTER),
        "faults": [*KINDS],
    }
    return json.dumps(listed, indent=1) + "\n"


def _ranges(knobs: dict[str, Parameter[Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"allowed": knob.allowed, "default": knob.default} for name, knob in knobs.items()
    }


_FORMS: dict[str, Callable[[Iterable[_Seen]], str]] = {
    "text/plain": _as_text,
    "text/html": _as_page,
    "application/json": _as_json,
}
