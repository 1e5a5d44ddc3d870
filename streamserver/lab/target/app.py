"""The target: its handlers one around the other, its endpoints, and ``GET /``.

``GET /`` lists the endpoints and their parameters as text, as a page or as JSON, selected by
Accept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html import escape
from os import getpid
from textwrap import wrap
from typing import Any, NamedTuple

from streamserver.kit.params import Parameter
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.faults import injection
from streamserver.lab.faults.grammar import KINDS, UNITS, syntax
from streamserver.lab.faults.injection import FaultInjection
from streamserver.lab.model import ModelErrors, add_model, add_ollama
from streamserver.lab.model.cost import routes as cost_routes
from streamserver.lab.model.cost.profile import Profile
from streamserver.lab.model.cost.simulation import Simulation
from streamserver.lab.model.models import ALL, Models
from streamserver.lab.parameters import Documented
from streamserver.lab.target import concurrency, httpbin, parameters
from streamserver.lab.target.concurrency import ConcurrencyLimit
from streamserver.lab.target.httpbin import add_httpbin
from streamserver.lab.target.pacing import Lateness
from streamserver.lab.target.parameters import IGNORED, LINES, MODEL, START, STREAM
from streamserver.lab.target.streams import add_streams
from streamserver.wire.accept import preferred
from streamserver.wire.json_text import to_indented_json


class Endpoint(NamedTuple):
    """A method and path, what it returns, its parameters and the target of an example."""

    path: str
    about: str
    parameters: tuple[str, ...] = ()
    example: str = ""
    method: str = "GET"


_SSE = (*STREAM, "stamps", "line_end")
_DRIP = "numbytes bytes within duration, with a Content-Length"
_CHUNKS = "n random bytes in chunks of chunk_size, 10,240 bytes by default"
_PROFILE = "the model's cost, its engine, and its capacity for a load"
_LOADED = "/lab/profile?input_tokens=500&output_tokens=100"
_EXAMPLE = "/stream-bytes/100?seed=1&chunk_size=10"
ENDPOINTS = (
    Endpoint("/sse", "an event stream of JSON events", _SSE, "/sse?count=5&gap=0.5"),
    Endpoint("/jsonl", "lines of JSON", (*STREAM, "stamps"), "/jsonl?count=5&gap=0.5"),
    Endpoint("/raw", "the text of the events alone", STREAM, "/raw?count=5&gap=0.5"),
    Endpoint("/stream/{n}", "n lines of JSON", LINES, "/stream/5?gap=0.5"),
    Endpoint("/drip", _DRIP, httpbin.DRIP_NAMES, "/drip?duration=2"),
    Endpoint("/bytes/{n}", "n random bytes with a Content-Length", ("seed",), "/bytes/100?seed=1"),
    Endpoint("/stream-bytes/{n}", _CHUNKS, ("seed", "chunk_size"), _EXAMPLE),
    Endpoint("/delay/{seconds}", "the same as /get, after 0 to 60 seconds", (), "/delay/1"),
    Endpoint("/status/{code}", "an empty response with this status, 200 to 599", (), "/status/503"),
    Endpoint("/get", "the query, fields, origin and URL of the request", (), "/get?a=b"),
    Endpoint("/headers", "the fields of the request", (), "/headers"),
    Endpoint("/post", "the same as /get, with the body", method="POST"),
    Endpoint("/v1/chat/completions", "a model answers a conversation", MODEL, method="POST"),
    Endpoint("/v1/completions", "a model continues a text", MODEL, method="POST"),
    Endpoint("/v1/responses", "a model answers in OpenAI's Responses API", MODEL, method="POST"),
    Endpoint("/v1/embeddings", "a unit vector for each input", START, method="POST"),
    Endpoint("/v1/messages", "a model answers in Anthropic's interface", MODEL, method="POST"),
    Endpoint("/v1/messages/count_tokens", "the input tokens of a message", START, method="POST"),
    Endpoint("/api/chat", "a model answers in Ollama's interface", MODEL, method="POST"),
    Endpoint("/api/generate", "the same for one prompt", MODEL, method="POST"),
    Endpoint("/v1/models", "the models", (), "/v1/models"),
    Endpoint("/v1/models/{name}", "one model", (), "/v1/models/streamserver-demo"),
    Endpoint("/api/tags", "the models in Ollama's form", (), "/api/tags"),
    Endpoint("/api/ps", "the loaded models in Ollama's form", (), "/api/ps"),
    Endpoint("/api/show", "what a model can do, in Ollama's form", method="POST"),
    Endpoint("/api/version", "the version of Ollama's interface", (), "/api/version"),
    Endpoint("/lab/lateness", "how late this process sent its events", (), "/lab/lateness"),
    Endpoint("/lab/lateness", "reset these figures", method="DELETE"),
    Endpoint("/lab/profile", _PROFILE, cost_routes.LOAD, _LOADED),
)

# Without a seed each stream has its own, and the default spread depends on the distribution.
_VARYING = ("seed", "spread", "size_spread")
PARAMETERS: tuple[Documented, ...] = (
    *parameters.DOCUMENTED,
    *httpbin.DRIP,
    *cost_routes.DOCUMENTED,
)
COMMON: tuple[Documented, ...] = (*injection.DOCUMENTED, *concurrency.DOCUMENTED)

WIDTH = 98
"""Characters of a line of text."""
TITLE = "streamserver target"
ABOUT = (
    "Endpoints whose streams each request configures. A wrong parameter is refused with status 400,"
    " and the response says what is allowed."
)
PARAMETERS_ABOUT = (
    "A parameter is in the query or in a field of the request: gap=0.1 is X-Lab-Gap: 0.1."
    f" {IGNORED}=ANYTHING is ignored; it makes a URL a new one."
)
COMMON_ABOUT = "Parameters of every endpoint:"
FAULTS_ABOUT = (
    f"Faults, where a UNIT is one of {', '.join(UNITS)} and a NUMBER may be a range such as 2-8, or"
    " ? for any; without them a fault is at the end of the body:"
)
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code { font: 0.9em ui-monospace, Menlo, Consolas, monospace; }
dt { margin-top: 0.8rem; } dd { margin: 0 0 0 1.5rem; overflow-wrap: anywhere; }
dd small { opacity: 0.8; }
"""


async def index(request: Request) -> Response:
    """The index; its paths are those below the path of the request."""
    prefix = request.exchange.route.rstrip("/")
    endpoints = [
        one._replace(path=_below(prefix, one.path), example=_below(prefix, one.example))
        for one in ENDPOINTS
    ]
    kind = preferred(request.headers.get("accept") or "", [*_RENDERERS])
    headers = {"content-type": f"{kind}; charset=utf-8", "vary": "accept"}
    return Response(_RENDERERS[kind](endpoints), headers=headers)


def _below(prefix: str, path: str) -> str:
    """A path below the prefix of a mounted target, which may be ``/lab``."""
    if not path:
        return ""
    return prefix + (path.removeprefix("/lab") if prefix.endswith("/lab") else path)


def _default(one: Parameter[Any]) -> Any:
    return None if one.default == "" or one.name in _VARYING else one.default


def _allowed(one: Parameter[Any]) -> str:
    default = _default(one)
    return one.allowed if default is None else f"{one.allowed} (default: {default})"


def _as_text(endpoints: Iterable[Endpoint]) -> str:
    lines = [TITLE, "", *wrap(ABOUT, WIDTH), ""]
    for one in endpoints:
        lines.append(f"{one.method:<7} {one.path:<25} {one.about}")
        names = wrap(" ".join(one.parameters), WIDTH - 34)
        lines += [f"{'':<33} {line}" for line in (one.example, *names) if line]
    lines += ["", *wrap(PARAMETERS_ABOUT, WIDTH), "", *_rows(PARAMETERS)]
    lines += ["", COMMON_ABOUT, "", *_rows(COMMON), "", *wrap(FAULTS_ABOUT, WIDTH), ""]
    lines += [f"  {syntax(name):<30} {kind.about}" for name, kind in KINDS.items()]
    return "\n".join([*lines, ""])


def _rows(documented: Iterable[Documented]) -> Iterator[str]:
    for one, about in documented:
        yield from (f"  {one.name:<18} {about}", f"{'':<20} {_allowed(one)}")


def _as_page(endpoints: Iterable[Endpoint]) -> str:
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{TITLE}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{TITLE}</h1><p>{escape(ABOUT)}</p><dl>",
            *map(_item, endpoints),
            f"</dl><h2>Parameters</h2><p>{escape(PARAMETERS_ABOUT)}</p><dl>",
            *_terms(PARAMETERS),
            f"</dl><p>{escape(COMMON_ABOUT)}</p><dl>",
            *_terms(COMMON),
            f"</dl><p>{escape(FAULTS_ABOUT)}</p><dl>",
            *[f"<dt><code>{syntax(one)}</code></dt><dd>{KINDS[one].about}</dd>" for one in KINDS],
            "</dl></body></html>\n",
        ]
    )


def _item(one: Endpoint) -> str:
    example = escape(one.example)
    link = f' <a href="{example}"><code>{example}</code></a>' if example else ""
    names = " ".join(one.parameters)
    listed = f"<br><small><code>{names}</code></small>" if names else ""
    path = f"<code>{one.method} {escape(one.path)}</code>"
    return f"<dt>{path}</dt><dd>{escape(one.about)}{link}{listed}</dd>"


def _terms(documented: Iterable[Documented]) -> Iterator[str]:
    for one, about in documented:
        allowed = f"<small>{escape(_allowed(one))}</small>"
        yield f"<dt><code>{one.name}</code></dt><dd>{escape(about)}<br>{allowed}</dd>"


def _as_json(endpoints: Iterable[Endpoint]) -> str:
    listed = {
        "title": TITLE,
        "endpoints": [one._asdict() | {"example": one.example or None} for one in endpoints],
        "parameters": _by_name(PARAMETERS),
        "common_parameters": _by_name(COMMON),
        "faults": {name: kind.about for name, kind in KINDS.items()},
    }
    return to_indented_json(listed) + "\n"


def _by_name(documented: Iterable[Documented]) -> dict[str, dict[str, Any]]:
    return {
        one.name: {"about": about, "allowed": one.allowed, "default": _default(one)}
        for one, about in documented
    }


_RENDERERS: dict[str, Callable[[Iterable[Endpoint]], str]] = {
    "text/plain": _as_text,
    "text/html": _as_page,
    "application/json": _as_json,
}


def make_target(
    slots: int = 0, queue: int = 1000, *, models: Models = ALL, profile: Profile | None = None
) -> Handler:
    """A target; ``slots`` and ``queue``: those of ``ConcurrencyLimit``; ``profile``: the model's
    cost."""
    app = Router()
    lateness = Lateness()
    if profile:
        models = replace(models, simulation=Simulation(profile))
    app.get("/")(index)
    add_streams(app, lateness)
    add_httpbin(app, lateness)
    add_model(app, lateness, models)
    add_ollama(app, lateness, models)
    cost_routes.add_profile(app, models.simulation)
    add_lateness(app, lateness)
    return ModelErrors(ConcurrencyLimit(FaultInjection(app), slots, queue))


def add_lateness(app: Router, lateness: Lateness) -> None:
    """``/lab/lateness``, and ``/lateness`` for a target that is mounted at /lab: GET returns the
    figures, DELETE resets them."""

    @app.get("/lab/lateness")
    @app.get("/lateness")
    async def figures(request: Request) -> Response:
        about = {"process": getpid(), "of": "this process alone; other workers have their own"}
        return Response.json(about | lateness.summary(), headers={"cache-control": "no-store"})

    @app.delete("/lab/lateness")
    @app.delete("/lateness")
    async def reset(request: Request) -> Response:
        lateness.reset()
        return Response(status=204)
