"""Notifications: whoever is there hears of them at once, and whoever was away when it comes back.

A page names itself, so that it may have its own connection cut: not by a proper end, but as a
network cuts it. Its EventSource then comes back with the id it saw last, and the feed fills the
hole.
"""

import time

from streamserver.demo.orders import Orders
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.params import idempotency_key, json_object, one_of, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome

MAX_BODY = 16 * 1024
"""Bytes of a notification as JSON."""

TEXT = text("text", 1, 500)
LEVEL = one_of("level", "info", "success", "warning", "error", default="info")
CLIENT = text("client", 1, 64)
START = one_of("start", "new", "beginning", default="new")


class Notifications:
    """The handlers of the notifications, whose feed is in ``backend``."""

    __slots__ = ("_connected", "_feed", "_orders")

    def __init__(self, backend: Backend, orders: Orders) -> None:
        self._feed = Feed("notifications", backend, max_events=1000, retry=1000)
        self._orders = orders
        self._connected: dict[str, Exchange] = {}
        orders.define("cut", self._cut)

    async def publish(self, request: Request) -> Response:
        """``POST /api/notifications`` with ``{"text": "...", "level"?: "info"}``: tell all.

        A request that is repeated with its ``Idempotency-Key`` publishes once.
        """
        parameters = await json_object(request)
        text, level = TEXT.of(parameters), LEVEL.of(parameters)
        notification = {"text": text, "level": level, "time": time.time_ns() // 1_000_000}
        id = await self._feed.publish(
            notification,
            key=idempotency_key(request),
            fingerprint=f"{level} {text}".encode(),  # a repetition has another time
        )
        return Response.json({"id": id}, status=201)

    async def follow(self, request: Request) -> Response:
        """``GET /api/notifications?start=new``: the feed, resumed after Last-Event-ID."""
        if "client" in request.query:
            self._remember(CLIENT.of(request.query), request.exchange)
        return self._feed.subscribe(
            request, start="new" if START.of(request.query) == "new" else "beginning"
        )

    async def cut(self, request: Request) -> Response:
        """``POST /api/notifications/cut`` with ``{"client": "..."}``: cut that client off."""
        await self._orders.give("cut", CLIENT.of(await json_object(request)))
        return Response(status=202)

    def _remember(self, name: str, exchange: Exchange) -> None:
        self._orders.begin()  # it need not have begun already
        self._connected[name] = exchange

        def forget() -> None:
            # A client that came back may have been faster than the end of its old connection.
            if self._connected.get(name) is exchange:
                del self._connected[name]

        exchange.on_end.append(forget)

    def _cut(self, name: str) -> bool:
        exchange = self._connected.get(name)
        if exchange is not None:
            exchange.cut(Outcome.TRUNCATED)
        return exchange is not None
