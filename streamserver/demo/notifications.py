"""Notifications: connected clients receive them immediately, others when they reconnect.

A page names itself, so that it can have its own connection cut, without the end of the stream, as
a network failure would. Its EventSource reconnects with the last id that it received, and the feed
sends what it missed.
"""

import time

from streamserver.demo.commands import Commands
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
ANNOUNCE = one_of("announce", "position", "nothing", default="nothing")
"""Whether a client without a position gets the one where it begins as an event."""


class Notifications:
    """The handlers of the notifications, whose feed is in ``backend``."""

    def __init__(self, backend: Backend, commands: Commands) -> None:
        self._feed = Feed("notifications", backend, max_events=1000, retry=1000)
        self._commands = commands
        self._connected: dict[str, Exchange] = {}
        commands.define("cut", self._cut)

    async def publish(self, request: Request) -> Response:
        """``POST /api/notifications`` with ``{"text": "...", "level"?: "info"}``: notify all.

        A request that is repeated with its ``Idempotency-Key`` publishes once.
        """
        parameters = await json_object(request)
        text, level = TEXT.of(parameters), LEVEL.of(parameters)
        notification = {"text": text, "level": level, "time": time.time_ns() // 1_000_000}
        id = await self._feed.publish(
            notification,
            key=idempotency_key(request),
            fingerprint=f"{level} {text}".encode(),  # the time of a repetition differs
        )
        return Response.json({"id": id}, status=201)

    async def subscribe(self, request: Request) -> Response:
        """``GET /api/notifications?start=new``: the feed, resumed after Last-Event-ID."""
        if "client" in request.query:
            self._register(CLIENT.of(request.query), request.exchange)
        return self._feed.subscribe(
            request,
            start="new" if START.of(request.query) == "new" else "beginning",
            announce=ANNOUNCE.of(request.query) == "position",
        )

    async def cut(self, request: Request) -> Response:
        """``POST /api/notifications/cut`` with ``{"client": "..."}``: cut its connection."""
        await self._commands.run("cut", CLIENT.of(await json_object(request)))
        return Response(status=202)

    def _register(self, name: str, exchange: Exchange) -> None:
        self._commands.start()
        self._connected[name] = exchange

        def unregister() -> None:
            # The client may have reconnected before its old connection ended.
            if self._connected.get(name) is exchange:
                del self._connected[name]

        exchange.on_end.append(unregister)

    def _cut(self, name: str) -> bool:
        exchange = self._connected.get(name)
        if exchange is not None:
            exchange.cut(Outcome.TRUNCATED)
        return exchange is not None
