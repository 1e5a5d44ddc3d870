"""The page that tells what there is to try: plain HTML and a style sheet, no script."""

from html import escape
from pathlib import Path

from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response

PAGE = Path(__file__).with_name("page")
_INDEX = (PAGE / "index.html").read_text("utf-8")

# Nothing but our own style sheet, and no frame around us (W3C Content Security Policy Level 3).
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def index(request: Request) -> Response:
    """``GET /``: every endpoint, with a command that works for whoever reads it."""
    host = escape(request.headers.get("host") or "127.0.0.1:8000")
    return Response(_INDEX.replace("{host}", host), headers=_HEADERS)


async def style(request: Request) -> Response:
    """``GET /style.css``."""
    return FileResponse(PAGE / "style.css", headers={"Cache-Control": "no-cache"})
