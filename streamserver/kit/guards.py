"""Refuse requests that a browser sends for pages of other sites.

``same_origin`` protects against cross-site requests. A browser lets every page send a POST to any
server, localhost included; it only withholds the response. A handler that does not check the
body's type gets no preflight either. But the browser names the site of the page in Sec-Fetch-Site
(W3C Fetch Metadata), and its origin in Origin (Fetch, section 3.1). Other clients send neither.

``known_hosts`` protects against DNS rebinding. A page of ``evil.example`` can have its name resolve
to 127.0.0.1. The browser then takes this server for the page's origin. Only Host still names the
page's host. Names below ``localhost`` never leave the machine (RFC 6761, section 6.3), and an
address is not resolved, so neither can be rebound.
"""

from collections.abc import Awaitable, Iterable
from functools import lru_cache
from ipaddress import ip_address

from streamserver.kit.hints import checked_handler
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler, close
from streamserver.server.answer import Answer
from streamserver.server.exchange import Exchange
from streamserver.server.state import Handler as EngineHandler
from streamserver.wire.forwarded import unmapped
from streamserver.wire.problem import HTTPError

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that request no change (RFC 9110, section 9.2.1)."""

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # an origin is written without them


def same_origin(handler: Handler) -> Handler:
    """``handler``, but HTTPError 403 for a change that a page of another origin requests.

    Pages of the own origin are those at the request's Host, unless the browser reports the site
    itself. A proxy in front must keep Host, or must be trusted and send the client's Host in a
    field. The scheme is ignored: that proxy may end TLS.
    """
    return _SameOrigin(handler)


class _SameOrigin:
    __slots__ = ("_handler",)

    def __init__(self, handler: Handler) -> None:
        self._handler = checked_handler(handler)

    async def aclose(self) -> None:
        await close(self._handler)

    def __call__(self, request: Request) -> Awaitable[Response]:
        if request.method not in SAFE and not _is_same_origin(request):
            who = ascii(request.headers.get("origin") or "another site")[:100]
            raise HTTPError(403, f"{request.method} is for pages of this origin, not for {who}")
        return self._handler(request)


def _is_same_origin(request: Request) -> bool:
    """Whether a page of this origin sent the request, or a client that is no browser."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")  # none: the user, not a page
    origin = request.headers.get("origin")
    if origin is None:
        return True
    scheme, _, authority = origin.partition("://")  # the opaque origin "null" has no authority
    host = request.client.host.lower()
    return bool(authority) and authority == host.removesuffix(_DEFAULT_PORTS.get(scheme, ""))


def known_hosts(handler: EngineHandler, names: Iterable[str] = ()) -> EngineHandler:
    """``handler``, but HTTPError 421 for a Host other than localhost and names below it, IP
    addresses, and ``names``, each with any port.

    Without ``names`` only connections to a loopback address are checked: the names of a server on
    another address or a Unix socket are not known. ``"*"`` among the names allows every host. A
    request without Host (HTTP/1.0) is not from a browser, and passes.
    """
    known = frozenset(map(_normalized, names))
    if "*" in known:
        return handler

    def serve(exchange: Exchange) -> Awaitable[Answer]:
        # For a target in absolute-form the head has the host of the target. X-Forwarded-Host does
        # not count: a page whose name was rebound to a trusted address can set it.
        host = next((value for name, value in exchange.head.fields if name == "host"), "")
        if host and not _is_known(host, known) and (known or _is_loopback(exchange)):
            raise HTTPError(
                421,
                f"this server answers to localhost, IP addresses and the names that --allow-host"
                f" adds, not to {host[:100]!a}",
            )
        return handler(exchange)

    return serve


@lru_cache(maxsize=64)
def _is_known(host: str, known: frozenset[str]) -> bool:
    if host.startswith("["):
        return True
    name = _normalized(host.partition(":")[0])
    if name == "localhost" or name.endswith(".localhost") or name in known:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _normalized(name: str) -> str:
    """A name in lower case, without the dot of the root."""
    return name.lower().removesuffix(".")


def _is_loopback(exchange: Exchange) -> bool:
    """Whether the client connected to a loopback address."""
    name = exchange.connection.transport.get_extra_info("sockname")
    if not isinstance(name, tuple):  # a Unix socket
        return False
    return unmapped(ip_address(name[0])).is_loopback
