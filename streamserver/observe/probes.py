"""What machines request from a server: liveness, readiness and metrics.

The probes are in front of the app and not among its routes, because a relay has no routes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streamserver.extras import install_hint
from streamserver.observe.metrics import Metrics
from streamserver.server.answer import Answer, Endless
from streamserver.server.exchange import Exchange
from streamserver.server.state import Handler
from streamserver.wire.content_coding import Coder
from streamserver.wire.fields import Headers
from streamserver.wire.problem import HTTPError

METRICS, HEALTH, READY = PATHS = ("/metrics", "/health", "/ready")


@dataclass(slots=True)
class _ProbeAnswer:
    headers: Headers
    body: bytes
    status: int = 200
    encode: Callable[[object], bytes] | None = None
    endless: Endless | None = None
    make_coder: Callable[[], Coder] | None = None


def with_probes(handler: Handler, metrics: Metrics | None) -> Handler:
    """The handler, behind ``GET /metrics``, ``/health`` and ``/ready``.

    Without ``metrics`` the first is a 501 that names the missing extra. While the server drains the
    third is a 503. New connections are refused by then, so only a client that has already sent a
    part of its request receives it.
    """

    async def answer(exchange: Exchange) -> Answer:
        if exchange.method not in ("GET", "HEAD"):
            allow = "GET, HEAD"
            raise HTTPError(405, f"allowed methods: {allow}", headers={"Allow": allow})
        if exchange.route == METRICS:
            if metrics is None:
                raise HTTPError(501, f"metrics need prometheus-client: {install_hint('metrics')}")
            accept = Headers.of_lower(exchange.head.fields).get("accept", "")
            return _answer(*await metrics.scrape(accept or ""))
        server = exchange.server
        if exchange.route == READY and server.draining and not server.has_successor:
            raise HTTPError(503, "the server is being stopped", headers={"Retry-After": "1"})
        return _answer(b"ok\n", "text/plain; charset=utf-8")

    def serve(exchange: Exchange) -> Awaitable[Answer]:
        path = exchange.target.partition("?")[0]
        if path not in PATHS:
            return handler(exchange)
        exchange.route = path
        return answer(exchange)

    return serve


def _answer(body: bytes, content_type: str) -> Answer:
    headers = Headers({"content-type": content_type, "cache-control": "no-store"})
    return _ProbeAnswer(headers, body)
