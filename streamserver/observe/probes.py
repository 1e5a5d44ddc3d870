"""What machines request from a server: liveness, readiness, metrics, and a relay's upstreams.

The probes are in front of the app and not among its routes, because a relay has no routes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from streamserver.extras import install_hint
from streamserver.observe.metrics import Metrics
from streamserver.server.answer import Answer, Endless
from streamserver.server.exchange import Exchange
from streamserver.server.state import Handler, ServerState
from streamserver.wire.content_coding import Coder
from streamserver.wire.fields import Headers
from streamserver.wire.json_text import to_indented_json
from streamserver.wire.problem import HTTPError

METRICS, HEALTH, READY = PATHS = ("/metrics", "/health", "/ready")
UPSTREAMS = "/upstreams"


class Upstreams(Protocol):
    """The upstreams of a relay. ``decides_readiness``: whether the server is ready only while one
    of them can be reached."""

    decides_readiness: bool

    def describe(self, server: ServerState) -> object:
        """The state of each one, as a value for JSON, without any secret."""

    async def unreachable(self, server: ServerState) -> str:
        """Why none of them can be reached; "" if one can."""


@dataclass(slots=True)
class _ProbeAnswer:
    headers: Headers
    body: bytes
    status: int = 200
    encode: Callable[[object], bytes] | None = None
    endless: Endless | None = None
    make_coder: Callable[[], Coder] | None = None


class Probes:
    """``handler``, behind ``GET /metrics``, ``/health``, ``/ready``, and ``/upstreams`` if there
    are some.

    Without ``metrics`` the first is a 501 that names the missing extra. While the server drains the
    third is a 503. New connections are refused by then, so only a client that has already sent a
    part of its request receives it. If the ``upstreams`` decide readiness it is also a 503 while
    none of them can be reached.
    """

    def __init__(
        self, handler: Handler, metrics: Metrics | None, upstreams: Upstreams | None = None
    ) -> None:
        self._handler = handler
        self._metrics = metrics
        self._upstreams = upstreams
        self._paths = frozenset(PATHS if upstreams is None else (*PATHS, UPSTREAMS))

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """The answer of a probe, or that of the handler."""
        path = exchange.target.partition("?")[0]
        if path not in self._paths:
            return self._handler(exchange)
        exchange.route = path
        return self._answer(exchange)

    async def _answer(self, exchange: Exchange) -> Answer:
        if exchange.method not in ("GET", "HEAD"):
            allow = "GET, HEAD"
            raise HTTPError(405, f"allowed methods: {allow}", headers={"Allow": allow})
        if exchange.route == METRICS:
            return await self._scrape(exchange)
        if exchange.route == READY:
            await self._check(exchange.server)
        if exchange.route == UPSTREAMS and self._upstreams is not None:
            state = to_indented_json(self._upstreams.describe(exchange.server))
            return _answer(state.encode() + b"\n", "application/json")
        return _answer(b"ok\n", "text/plain; charset=utf-8")

    async def _scrape(self, exchange: Exchange) -> Answer:
        if self._metrics is None:
            raise HTTPError(501, f"metrics need prometheus-client: {install_hint('metrics')}")
        accept = Headers.of_lower(exchange.head.fields).get("accept", "")
        return _answer(*await self._metrics.scrape(accept or ""))

    async def _check(self, server: ServerState) -> None:
        """HTTPError 503 unless the server is ready."""
        if server.draining and not server.has_successor:
            raise HTTPError(503, "the server is being stopped", headers={"Retry-After": "1"})
        upstreams = self._upstreams
        if upstreams is None or not upstreams.decides_readiness:
            return
        if why := await upstreams.unreachable(server):
            raise HTTPError(503, why, headers={"Retry-After": "1"})


def _answer(body: bytes, content_type: str) -> Answer:
    headers = Headers({"content-type": content_type, "cache-control": "no-store"})
    return _ProbeAnswer(headers, body)
