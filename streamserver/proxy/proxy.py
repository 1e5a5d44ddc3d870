"""The reverse proxy, as a handler."""

import ssl
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.events import EARLY_HEAD, EventRelay, accepts_events
from streamserver.proxy.forwarding import Mode
from streamserver.proxy.origin import parse_origins
from streamserver.proxy.ports import Recording, StartRecording
from streamserver.proxy.relay import Relay
from streamserver.proxy.request import REPEATABLE, RelayedRequest
from streamserver.proxy.rewriting import Rewriting, end_to_end, last_response, without_id
from streamserver.proxy.settings import Backoff, PoolLimits, QueueLimits, Timeouts
from streamserver.proxy.state import ProxyState
from streamserver.proxy.upload import Upload
from streamserver.server.body import RequestBody
from streamserver.server.state import ServerState
from streamserver.wire.fields import Headers
from streamserver.wire.heads import Fields
from streamserver.wire.response_heads import ResponseHead

OnBreak = Literal["cut", "event"]

MAX_KEPT = 256 * 1024
"""Bytes of a body that is awaited and kept, so that another replica can get it too, and so that a
slow client takes no slot meanwhile. Most clients send it in a packet after that of the head."""


class Outgoing(NamedTuple):
    """A request as it is sent to the upstream."""

    state: ProxyState
    method: str
    target: str
    """As it was before the rewriting."""
    sent: bytes
    """The whole request."""
    record: Callable[[], Recording | None] | None
    """Starts the recording of the exchange, if it is to be recorded."""


class Proxy:
    """Relays each request to an upstream, and the response back as it arrives.

    A handler: serve it, or mount it in a Router. ``url`` is http://host:port/base, https or
    unix:/path:/base; each target is appended to the base. Several URLs are replicas of one service:
    each request goes to the one with the fewest open streams, see ``group`` and ``attempts``.

    - ``strip``: a prefix that is removed from targets; a target without it is a 404.
    - ``inject``: fields that each request gets, in place of the client's of these names.
    - ``drop``: fields of the client that are not passed on.
    - ``keep_host``: the upstream gets the client's Host, not its own.
    - ``forwarded``: see ``rewriting.Mode``.
    - ``timeouts``, ``pool``: see there. Of several replicas each has its pool, and each attempt its
      deadlines but ``total``.
    - ``backoff``: how long a replica that failed gets no requests, see there.
    - ``repeat_refused``: a request of any method is sent to another replica if one responds with
      429 or 503. By default only an idempotent one is. A request that has a body is sent again if
      that has arrived as a whole; one of up to ``MAX_KEPT`` bytes in its Content-Length is awaited.
    - ``max_streams``: requests that each upstream has at once, from all workers together; 0 is no
      limit. Further ones wait in a ``queue``, see ``QueueLimits``, fair between clients.
    - ``max_body``: bytes of a request body; None is no limit, since bodies are not stored.
    - ``heartbeat``: seconds of silence after which an event stream gets a comment, from the
      request on if Accept names event streams; 0 is never. The head is then sent with the first
      comment, and an error response that arrives later is reported in an event.
    - ``on_break``: an event stream that fails is cut, or gets an event first that reports the
      failure, in the form of its service, see ``failures``.
    - ``server_timing``: responses get the time that the upstream took (W3C Server-Timing).
    - ``tls``: for an https upstream, instead of verification by the system's authorities.

    ``start_recording``: called with each request, if it is set. ``heartbeat`` and
    ``server_timing``: as above.

    ValueError for invalid arguments. A failure of the upstream is a 502, 503 or 504 until its
    head has arrived; after that the response is cut.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        strip: str = "",
        inject: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        keep_host: bool = False,
        forwarded: Mode = "replace",
        timeouts: Timeouts | None = None,
        pool: PoolLimits | None = None,
        backoff: Backoff | None = None,
        repeat_refused: bool = False,
        max_streams: int = 0,
        queue: QueueLimits | None = None,
        max_body: int | None = None,
        heartbeat: float = 0.0,
        on_break: OnBreak = "cut",
        server_timing: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        _check(heartbeat, on_break, max_streams)
        origins = parse_origins([url] if isinstance(url, str) else url, tls)
        make_state = partial(ProxyState, origins, timeouts or Timeouts(), pool or PoolLimits())
        make_state = partial(make_state, backoff or Backoff(), repeat_refused)
        self._make_state = partial(make_state, max_streams, queue or QueueLimits(), heartbeat)
        self._rewriting = Rewriting(origins[0], strip, inject, drop, keep_host, forwarded)
        self._max_body = max_body
        self._is_limited, self._is_group = max_streams > 0, len(origins) > 1
        self._repeats_refused = repeat_refused
        self.heartbeat = heartbeat
        self._reports_failures = on_break == "event"
        self.server_timing = server_timing
        self._states: dict[ServerState, ProxyState] = {}
        self.start_recording: StartRecording | None = None

    async def __call__(self, request: Request) -> Response:
        """The upstream's response to this request."""
        if request.method == "OPTIONS" and (last := last_response(request.headers)) is not None:
            return last
        body, length = request.exchange.body, None
        upload = whole = None
        if body is not None:
            length = request.exchange.head.length
            body.limit = self._max_body
            whole = body.take_whole()
            if whole is None and self._keeps(request.method, length, body):
                whole = await request.body()
            if whole is None:
                upload = Upload(body, length)
            else:
                length = len(whole)
        sent, trailers = self._rewriting.head(request, length)
        if whole:
            sent += whole
        relay = self._relay(request, request.method, request.target, sent)
        relay.passes_trailers = trailers
        if self.start_recording is not None:
            relay.recording = self._record(request, whole)
        return self._response(relay, await relay.head(upload))

    def _keeps(self, method: str, length: int, body: RequestBody) -> bool:
        """Whether a body is awaited: for a slot, or because another replica may have to get it."""
        may_repeat = self._is_group and (self._repeats_refused or method in REPEATABLE)
        is_kept = self._is_limited or may_repeat
        return is_kept and 0 <= length <= MAX_KEPT and not body.expects_continue

    async def fetch(
        self, request: Request, method: str, target: str, fields: Fields, body: bytes
    ) -> Response:
        """The upstream's response to a request of the handler's own, in place of this one.

        Nothing that the client sent is passed on, and nothing of the response but what the
        handler gets: no interim response and no trailer field. ValueError for invalid fields.
        """
        id = request.exchange.id
        sent = self._rewriting.own_request(method, target, fields, body, id)
        relay = self._relay(request, method, target, sent)
        relay.passes_interim = False
        return self._response(relay, await relay.head())

    # For a caller that sends the request by itself

    def outgoing(self, request: Request, body: bytes) -> Outgoing:
        """A request with its whole body, as ``__call__`` would send it, but without trailers."""
        has_body = request.exchange.body is not None
        sent, _ = self._rewriting.head(request, len(body) if has_body else None)
        record = None
        if self.start_recording is not None:
            record = partial(self._record, request, body if has_body else None)
        state = self.state(request.exchange.server)
        return Outgoing(state, request.method, request.target, sent + body, record)

    def own_outgoing(
        self, request: Request, method: str, target: str, fields: Fields, body: bytes
    ) -> Outgoing:
        """A request of the handler's own, as ``fetch`` would send it."""
        exchange = request.exchange
        sent = self._rewriting.own_request(method, target, fields, body, exchange.id)
        return Outgoing(self.state(exchange.server), method, target, sent, None)

    def adopt(self, request: Request, sent: RelayedRequest, head: ResponseHead) -> Response:
        """The response to a request that has its head, and is HOLDING the body. It is relayed to
        this client from now on."""
        relay = Relay(self.state(request.exchange.server), request.exchange, request.method, b"")
        relay.adopt(sent)
        return self._response(relay, head)

    def _response(self, relay: Relay, head: ResponseHead) -> Response:
        fields = end_to_end(head, relay.passes_trailers)
        if relay.exchange.id:
            fields, attributes = without_id(fields, relay.exchange.id)
            relay.exchange.attributes += attributes
        if self.server_timing and head is not EARLY_HEAD:
            fields.append(("server-timing", relay.server_timing()))
        return Response.of(relay, head.status, Headers.of_lower(fields, are_well_formed=True))

    def _relay(self, request: Request, method: str, target: str, sent: bytes) -> Relay:
        exchange = request.exchange
        state = self._states.get(exchange.server) or self._open(exchange.server)
        if not self.heartbeat and not self._reports_failures:
            return Relay(state, exchange, method, sent)
        relay = EventRelay(state, exchange, method, target, sent)
        relay.reports_failures = self._reports_failures
        wants_events = accepts_events(request.headers.get("accept", "") or "")
        relay.may_be_early = bool(self.heartbeat) and wants_events and method != "HEAD"
        return relay

    def _record(self, request: Request, body: bytes | None) -> Recording | None:
        """The recording of a request, and of its body if that is whole."""
        recording = None if self.start_recording is None else self.start_recording(request)
        if recording is not None and body is not None:
            recording.on_request_body(body, True)
        return recording

    def state(self, server: ServerState) -> ProxyState:
        """What the requests of a listener share."""
        return self._states.get(server) or self._open(server)

    @property
    def states(self) -> Collection[ProxyState]:
        """That of every listener that has had a request."""
        return self._states.values()

    def _open(self, server: ServerState) -> ProxyState:
        """The state for a listener, which is closed with it."""
        state = self._make_state(server.descriptors)
        self._states[server] = state
        server.on_close.append(lambda: self._states.pop(server).close())
        return state


def _check(heartbeat: float, on_break: str, max_streams: int) -> None:
    if not heartbeat >= 0:
        raise ValueError(f"heartbeat must be 0 or more, not {heartbeat!r}")
    if on_break not in ("cut", "event"):
        raise ValueError(f"on_break is cut or event, not {on_break!r}")
    if not isinstance(max_streams, int) or max_streams < 0:
        raise ValueError(f"max_streams is a whole number of 0 or more, not {max_streams!r}")
