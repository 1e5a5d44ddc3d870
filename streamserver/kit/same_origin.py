"""Requests that change something, refused to pages of other origins (RFC 9110, section 9.2.1).

A browser lets any page send a POST to any server, localhost included: it only keeps the answer
from that page, and by then the deed is done. A handler that never looks at the body's type, as
ours that read JSON, is not even asked first by a preflight. But the browser says who asks:
``Sec-Fetch-Site`` in so many words (W3C Fetch Metadata), and ``Origin`` with every POST (Fetch
standard, section 3.1). Programs that are no browsers send neither, and nobody can make them.

Like ``cors`` it is a wrapper around a whole handler, so that no route can be forgotten.
"""

from streamserver.kit.mistakes import checked_handler
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.wire.problem import HTTPError

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that ask for no change (RFC 9110, section 9.2.1)."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # an origin is written without them


def same_origin(handler: Handler) -> Handler:
    """``handler``, but HTTPError 403 for a page of another origin that would change something.

    Its own pages are those at the request's Host, which a proxy in front has to keep, unless the
    browser says itself that they are. The scheme is not looked at: that proxy may end TLS.
    """
    return _SameOrigin(handler)


class _SameOrigin:
    """A handler around a handler."""

    __slots__ = ("_handler",)

    def __init__(self, handler: Handler) -> None:
        self._handler = checked_handler(handler)

    async def aclose(self) -> None:
        """Have the handler close what it keeps open."""
        await close(self._handler)

    async def __call__(self, request: Request) -> Response:
        if request.method not in SAFE and not _is_ours(request):
            who = ascii(request.headers.get("origin") or "another site")[:100]
            raise HTTPError(403, f"{request.method} is for pages of this origin, not for {who}")
        return await self._handler(request)


def _is_ours(request: Request) -> bool:
    """Whether a page of this origin asks, or somebody who is no browser."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")  # none: the user, by no page at all
    origin = request.headers.get("origin")
    if origin is None:
        return True
    scheme, _, authority = origin.partition("://")  # "null" has none: nobody's, and so not ours
    host = (request.headers.get("host") or "").lower()
    return bool(authority) and authority == host.removesuffix(_DEFAULT_PORTS.get(scheme, ""))
