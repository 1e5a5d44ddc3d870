"""The reverse proxy, as a handler."""

import ssl
from collections.abc import Iterable, Mapping
from typing import Literal

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.events import EARLY_HEAD, EventRelay, accepts_events
from streamserver.proxy.forwarded import Mode
from streamserver.proxy.max_forwards import final_answer
from streamserver.proxy.origin import parse_origin
from streamserver.proxy.relay import Relay
from streamserver.proxy.rewriting import Rewriting, end_to_end, takes_trailers
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.proxy.shared import Shared
from streamserver.proxy.tape import MakeTape
from streamserver.proxy.upload import Upload
from streamserver.server.state import ServerState
from streamserver.wire.fields import Headers
from streamserver.wire.heads import Fields

OnBreak = Literal["cut", "event"]


class Proxy:
    """Relays each request to one upstream, and the answer back as it arrives.

    A handler: serve it, or mount it in a Router. ``url`` is http://host:port/base, https or
    unix:/path:/base; every target is put behind its base, as it came.

    - ``strip``: a prefix that targets have here and not there; others are a 404.
    - ``inject``: fields that every request gets, in place of the client's of those names.
    - ``drop``: fields of the client that are not passed on.
    - ``keep_host``: the upstream sees the Host that the client asked for, not its own.
    - ``forwarded``: see ``forwarded.Mode``.
    - ``timeouts``, ``pool``: see there.
    - ``max_body``: bytes of a request body; None is no limit, since none of it is kept.
    - ``heartbeat``: seconds of silence after which an event stream gets a comment, from the
      request on where Accept names event streams; 0: never, and every byte is the upstream's.
      An upstream's error that comes after such an early head is reported in an event.
    - ``on_break``: an event stream that breaks is cut, or gets an event first that reports the
      failure, in the form of its service, see ``failure_events``.
    - ``server_timing``: answers tell how long the upstream took (W3C Server-Timing).
    - ``tls``: for an https upstream, instead of verifying by the system's authorities.

    ``tapes``: who listens to what is relayed, if it is set.

    ValueError names what cannot be. The upstream's failures are answered with 502, 503 or 504
    before its head has come; after it the answer is cut.
    """

    __slots__ = (
        "_heartbeat",
        "_limits",
        "_max_body",
        "_origin",
        "_rewriting",
        "_says_why",
        "_server_timing",
        "_shared",
        "_timeouts",
        "tapes",
    )

    def __init__(
        self,
        url: str,
        *,
        strip: str = "",
        inject: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        keep_host: bool = False,
        forwarded: Mode = "replace",
        timeouts: Timeouts | None = None,
        pool: PoolLimits | None = None,
        max_body: int | None = None,
        heartbeat: float = 0.0,
        on_break: OnBreak = "cut",
        server_timing: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not heartbeat >= 0:
            raise ValueError(f"heartbeat must be 0 or more, not {heartbeat!r}")
        if on_break not in ("cut", "event"):
            raise ValueError(f"on_break is cut or event, not {on_break!r}")
        self._origin = parse_origin(url, tls)
        self._rewriting = Rewriting(self._origin, strip, inject, drop, keep_host, forwarded)
        self._timeouts = timeouts or Timeouts()
        self._limits = pool or PoolLimits()
        self._max_body = max_body
        self._heartbeat = heartbeat
        self._says_why = on_break == "event"
        self._server_timing = server_timing
        self._shared: dict[ServerState, Shared] = {}
        self.tapes: MakeTape | None = None

    async def __call__(self, request: Request) -> Response:
        """The upstream's answer to this request."""
        if request.method == "OPTIONS" and (answer := final_answer(request.headers)) is not None:
            return answer
        exchange = request.exchange
        body, length = exchange.body, exchange.head.length
        upload = whole = None
        if body is not None:
            body.limit = self._max_body
            whole = body.take_whole()
            upload = Upload(body, length) if whole is None else None
            length = length if whole is None else len(whole)
        sent = self._rewriting.head(request, None if body is None else length)
        sent += whole or b""
        relay = self._make_relay(request, request.method, request.target, sent)
        te = request.headers.get("te")
        relay.trailers = bool(exchange.head.minor and te and takes_trailers(te))
        if self.tapes is not None:
            relay.tape = self.tapes(request)
            if relay.tape is not None and whole is not None:
                relay.tape.asked(whole, True)
        return await self._answer(relay, upload)

    async def ask(
        self, request: Request, method: str, target: str, fields: Fields, body: bytes
    ) -> Response:
        """The upstream's answer to a question of the handler's own, in this request's place.

        Nothing that the client sent goes to the upstream, and of the answer nothing but what the
        handler sees comes back: no interim answer and no trailer field. ValueError for what is
        no field.
        """
        sent = self._rewriting.question(method, target, fields, body)
        relay = self._make_relay(request, method, target, sent)
        relay.tells_all = False
        return await self._answer(relay, None)

    async def _answer(self, relay: Relay, upload: Upload | None) -> Response:
        head = await relay.head(upload)
        fields = end_to_end(head, relay.trailers)
        if self._server_timing and head is not EARLY_HEAD:
            fields.append(("server-timing", relay.server_timing()))
        response = Response(relay, status=head.status)
        response.headers = Headers.of_lower(fields)
        return response

    def _make_relay(self, request: Request, method: str, target: str, sent: bytes) -> Relay:
        exchange = request.exchange
        shared = self._shared_by(exchange.server)
        if not self._heartbeat and not self._says_why:
            return Relay(shared, exchange, method, sent)
        relay = EventRelay(shared, exchange, method, target, sent)
        relay.says_why = self._says_why
        wants_events = accepts_events(request.headers.get("accept", "") or "")
        relay.may_be_early = bool(self._heartbeat) and wants_events and method != "HEAD"
        return relay

    def _shared_by(self, listening: ServerState) -> Shared:
        """The connections and deadlines that live as long as a listener."""
        shared = self._shared.get(listening)
        if shared is None:
            shared = Shared(
                self._origin,
                self._timeouts,
                self._limits,
                self._heartbeat,
                listening.descriptors,
            )
            self._shared[listening] = shared
            listening.on_close.append(lambda: self._shared.pop(listening).close())
        return shared
