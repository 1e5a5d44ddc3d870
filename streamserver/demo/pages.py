"""The page: static HTML, style sheets and JavaScript modules, without a build step and without
requests to other hosts. This module inserts the commands and the source code that the page shows.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape, unescape
from pathlib import Path
from typing import Any

from streamserver.demo import pitfalls, streams, transfers
from streamserver.demo.chat import Chat
from streamserver.demo.jobs import Jobs
from streamserver.demo.ladder import step_list, step_page
from streamserver.demo.notifications import Notifications
from streamserver.demo.source import command, excerpt, shown
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.wire.problem import HTTPError

PAGE = Path(__file__).with_name("page")
PITFALLS = PAGE / "js" / "panels" / "pitfalls.js"
CROWDED = PAGE / "js" / "panels" / "crowded.js"

# Resources of this origin only, no inline script or style, no embedding in frames
# (W3C Content Security Policy Level 3).
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", **_SAFE}

BEHIND: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "counter": (streams.counter, streams._ticks),
    "typing": (streams.type_text, streams._typed),
    "chat": (Chat.__call__,),
    "notifications": (Notifications.subscribe, Notifications._cut),
    "job": (Jobs.events,),
    "download": (transfers.Downloads.download,),
    "export": (transfers.pieces,),
    "upload": (transfers.upload,),
    "unlabelled": (pitfalls.unlabelled, pitfalls._events),
    "unclosed": (pitfalls._forgotten, pitfalls._failing),
}
"""The functions whose source each panel shows."""

ALONE = {
    "feeds": "A notification reaches only the clients of the worker that received it.",
    "jobs": "A request for a job can reach a worker that does not have this job.",
}
"""The consequence, for each panel that needs shared state, of workers that share none."""

_placeholder = re.compile(r"\{(origin|ladder|(?:alone|source) [a-z]+)\}")
_command = re.compile(r"<pre><code>(curl .*?)</code></pre>", re.DOTALL)


def make_index(each_alone: bool) -> Handler:
    """``GET /``: the page, with commands that contain the origin of the request; ``each_alone``:
    whether there are several workers without shared state."""

    async def index(request: Request) -> Response:
        filled = {"origin": _origin(request), **_alone(each_alone), **_sources()}
        page = _placeholder.sub(lambda found: filled[found[1]], _template())
        return Response(page, headers=_PAGE_HEADERS)

    return index


def _alone(each_alone: bool) -> dict[str, str]:
    """A hint for each key of ALONE; empty if there is one worker or a shared store."""
    hint = (
        '<p class="why">This server has several workers, and each has its own {}. {}'
        " With <code>--redis</code> the workers share them.</p>"
    )
    return {
        f"alone {what}": hint.format(what, then) if each_alone else ""
        for what, then in ALONE.items()
    }


def _origin(request: Request) -> str:
    """The origin for the commands. curl reads a bare host as http. The scheme between a client and
    a proxy in front of this server is known if that proxy is trusted."""
    client = request.client
    host = escape(client.host or "127.0.0.1:8000")
    return f"https://{host}" if client.scheme == "https" else host


async def step(request: Request) -> Response:
    """``GET /learn/{number}``: a step of the ladder, with its source."""
    page = step_page(request.params["number"])
    if page is None:
        raise HTTPError(404, "there is no such step")
    return Response(page, headers=_PAGE_HEADERS)


async def part(request: Request) -> Response:
    """``GET /page/{name}``: a style sheet, a module or a picture of the page."""
    headers = {"Cache-Control": "no-cache", **_SAFE}
    return FileResponse(request.params["name"], root=PAGE, headers=headers)


# Read once, at the first request: the source that is shown is the source that runs.


@cache
def _template() -> str:
    page = (PAGE / "index.html").read_text("utf-8")
    return _command.sub(lambda found: command(unescape(found[1])), page)


@cache
def _sources() -> dict[str, str]:
    sources = {f"source {name}": shown(*functions) for name, functions in BEHIND.items()}
    sources["source posting"] = excerpt(PITFALLS, "const posting", "  } catch")
    sources["source crowded"] = excerpt(CROWDED, "// Each of", "const panel")
    return sources | {"ladder": step_list()}
