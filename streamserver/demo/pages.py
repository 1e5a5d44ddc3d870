"""The page: plain HTML, style sheets and modules of script, with nothing built and nothing
fetched from elsewhere. Only the commands and the code shown in it are filled in here.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from streamserver.demo import counter, export, pitfalls, text, upload
from streamserver.demo.chat import Chat
from streamserver.demo.files import Files
from streamserver.demo.jobs import Jobs
from streamserver.demo.notifications import Notifications
from streamserver.demo.source import excerpt, shown
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler

PAGE = Path(__file__).with_name("page")
PITFALLS = PAGE / "js" / "panels" / "pitfalls.js"

# Nothing but what is ours, no script or style in the markup, and no frame around us
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
    "counter": (counter.counter, counter._ticks),
    "typing": (text.type_text, text._typed),
    "chat": (Chat.__call__,),
    "notifications": (Notifications.follow, Notifications._cut),
    "job": (Jobs.events,),
    "download": (Files.download,),
    "export": (export.pieces,),
    "upload": (upload.upload,),
    "unlabelled": (pitfalls.unlabelled, pitfalls._events),
    "unclosed": (pitfalls._forgotten, pitfalls._failing),
}
"""The functions that are shown beside each panel."""

ALONE = {
    "feeds": "so what is published at one, readers of another do not see",
    "jobs": "so a question about one may reach a worker that knows nothing of it",
}
"""What the panels of feeds say where each worker has its own."""

_placeholder = re.compile(r"\{(origin|(?:alone|source) [a-z]+)\}")


def make_index(each_alone: bool) -> Handler:
    """``GET /``: the page, with commands that work for whoever reads it; ``each_alone``: whether
    there are several workers, each with a feed of its own."""

    async def index(request: Request) -> Response:
        filled = {"origin": _origin(request), **_alone(each_alone), **_sources()}
        page = _placeholder.sub(lambda found: filled[found[1]], _template())
        return Response(page, headers=_PAGE_HEADERS)

    return index


def _alone(each_alone: bool) -> dict[str, str]:
    """A hint, or none, for each of ALONE."""
    hint = (
        '<p class="why">This server has several workers, and nothing that they share: each has'
        " {} of its own, {}. Started with <code>--redis</code>, they share them.</p>"
    )
    return {
        f"alone {what}": hint.format(what, then) if each_alone else ""
        for what, then in ALONE.items()
    }


def _origin(request: Request) -> str:
    """Where the commands find us. curl takes a bare host for http; what a proxy in front of us
    speaks with its clients is not known here."""
    host = escape(request.headers.get("host") or "127.0.0.1:8000")
    secure = request.exchange.connection.transport.get_extra_info("sslcontext") is not None
    return f"https://{host}" if secure else host


async def part(request: Request) -> Response:
    """``GET /page/{name}``: a style sheet, a module or a picture of the page."""
    headers = {"Cache-Control": "no-cache", **_SAFE}
    return FileResponse(request.params["name"], root=PAGE, headers=headers)


# Once, and not before somebody asks: what is shown is what this process runs.


@cache
def _template() -> str:
    return (PAGE / "index.html").read_text("utf-8")


@cache
def _sources() -> dict[str, str]:
    told = {f"source {name}": shown(*functions) for name, functions in BEHIND.items()}
    return told | {"source posting": excerpt(PITFALLS, "const posting", "  } catch")}
