"""The relay of an event stream, with heartbeats and with an event that reports a failure.

By default a relay adds nothing to a stream. By option it adds comments while the upstream is
silent, from the request on: a network that closes idle connections does so before the head too.
And it adds a last event that reports a failure before the stream is cut.
"""

from streamserver.proxy.boundaries import Boundaries
from streamserver.proxy.failures import ErrorBody, Failure, cut_later, form_of
from streamserver.proxy.phase import COLLECTING, HOLDING
from streamserver.proxy.relay import Relay
from streamserver.proxy.state import ProxyState
from streamserver.proxy.upload import Upload
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.fields import content_codings, media_type, split_list
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import HEADERS, HEARTBEAT, MEDIA_TYPE, encode

BOM = b"\xef\xbb\xbf"
EARLY_HEAD = ResponseHead(200, list(HEADERS), length=CHUNKED)
"""The head that is sent with the first heartbeat if the upstream has not responded by then."""

FIRST_PIECES, FIRST_BYTES = 8, 512
"""How many pieces of a stream are kept, and how much of each: the first events show which
service's form a failure is reported in."""


class EventRelay(Relay):
    """A relay that follows the response if it is an event stream.

    ``target``: of the request. ``reports_failures``: whether a stream that fails ends with an
    event. ``may_be_early``: whether the client gets ``EARLY_HEAD`` at the first heartbeat. The
    upstream's own head is then not sent, so a response without events is reported in an event
    too: a 4xx or 5xx with its own status, others as a 502.
    """

    __slots__ = (
        "_boundaries",
        "_error_body",
        "_first",
        "_is_early",
        "_pieces_left",
        "_wrote_first",
        "may_be_early",
        "reports_failures",
        "target",
    )

    def __init__(
        self, state: ProxyState, exchange: Exchange, method: str, target: str, request: bytes
    ) -> None:
        super().__init__(state, exchange, method, request)
        self.target = target
        self.may_be_early = self.reports_failures = False
        self._is_early = False
        self._wrote_first = False  # whether the relay wrote before the upstream's first piece
        self._boundaries: Boundaries | None = None
        self._first = b""
        self._pieces_left = 0
        self._error_body: ErrorBody | None = None

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """As ``Relay.head``, or ``EARLY_HEAD``."""
        self._state.beats.start(self)
        return await super().head(upload)

    def beat(self) -> None:
        """The upstream has been silent for the interval."""
        self._state.beats.start(self)
        if self._attached:
            if self._boundaries is None or self._boundaries.is_between_events:
                self._write(HEARTBEAT)
        elif self.may_be_early and self._waiter is not None and not self._waiter.done():
            self._is_early = True
            self._may_repeat = False
            if self._attempts is not None:
                self._attempts.is_final = True
            self._waiter.set_result(EARLY_HEAD)
            self._waiter = None

    def attach(self, exchange: Exchange, encode: object) -> None:
        """As ``Relay.attach``; an early head is sent with the heartbeat that was due."""
        if self._is_early and not self._held:
            self._write(HEARTBEAT)
        super().attach(exchange, encode)

    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        if is_event_stream(head) and (self._is_early or head.length < 0):
            self._boundaries = Boundaries()
            self._pieces_left = FIRST_PIECES if self.reports_failures else 0
        elif not self._is_early:
            self._state.beats.stop(self)
        if not self._is_early:
            return super()._on_head(head, piece, end)
        self.exchange.attributes = self._hold(piece, end, self.exchange.started)
        if self._boundaries is not None:
            if self._attached:
                self._stream()
        elif 400 <= head.status <= 599:
            self._error_body = ErrorBody(head)
            self._enter(COLLECTING)
            self._collect(self._error_body, piece, end)
        else:
            detail = f"the upstream responded with {head.status}, not with events"
            self.fail(HTTPError(502, detail))

    def _forward(self, piece: bytes, end: End | None) -> None:
        if self._error_body is not None:
            return self._collect(self._error_body, piece, end)
        if self._boundaries is not None and self.phase is not HOLDING:
            if self._wrote_first:
                self._wrote_first = False
                piece = piece.removeprefix(BOM)  # it is one at the very beginning only
            self._boundaries.feed(piece)
            if self._pieces_left:
                self._pieces_left -= 1
                self._first += piece[:FIRST_BYTES]
            if end is None:
                self._state.beats.start(self)
        super()._forward(piece, end)

    def _collect(self, body: ErrorBody, piece: bytes, end: End | None) -> None:
        body.feed(piece)
        if end is None and not body.is_full:
            return
        # Not by ``fail``: the upstream has responded, and so has not failed.
        self.stop()
        self._error = HTTPError(body.status, body.detail)
        if self._attached:
            self._fail_response(self._error)

    def _fail_response(self, error: Exception) -> None:
        boundaries, body = self._boundaries, self._error_body
        if isinstance(error, HTTPError) and (
            self._is_early if boundaries is None else self.reports_failures
        ):
            failure = Failure(error.status, error.detail) if body is None else body.failure()
            event = encode(form_of(self.target, self._first)(failure))
            self._write(event if boundaries is None else boundaries.end_event() + event)
            return cut_later(self.exchange, error)
        super()._fail_response(error)

    def _write(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange.outcome is None and not exchange.connection.paused:
            self._wrote_first |= not exchange.bytes_sent
            exchange.write(data)

    def stop(self) -> None:
        """As ``Relay.stop``; heartbeats end too."""
        self._state.beats.stop(self)
        super().stop()


def accepts_events(accept: str) -> bool:
    """Whether an Accept field names event streams, as that of EventSource does."""
    return any(media_type(item) == MEDIA_TYPE for item in split_list(accept))


def is_event_stream(head: ResponseHead) -> bool:
    """Whether the body consists of events, and is not compressed."""
    has_type = False
    for name, value in head.fields:
        if name == "content-type":
            if value != MEDIA_TYPE and media_type(value) != MEDIA_TYPE:
                return False
            has_type = True
        elif name == "content-encoding" and content_codings(value):
            return False
    return has_type and head.status == 200
