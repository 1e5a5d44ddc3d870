"""The relay of an event stream that may be kept alive, or say why it ends.

By default a relay adds nothing. By option it adds two things between the upstream's events:
comments while the upstream is silent, from the request on, since a network that cuts quiet
connections does so before the head too; and a last event that reports a failure before the
stream is cut.
"""

import asyncio

from streamserver.proxy.boundaries import Boundaries
from streamserver.proxy.failure_events import Failure, form_of
from streamserver.proxy.late_answer import LateAnswer, is_error
from streamserver.proxy.relay import Relay
from streamserver.proxy.shared import Shared
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import Upstream
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.fields import Headers, content_codings, split_list
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import HEADERS, HEARTBEAT, MEDIA_TYPE, encode

BOM = b"\xef\xbb\xbf"
EARLY_HEAD = ResponseHead(200, list(HEADERS), length=CHUNKED)
"""The head for a client whose upstream is still silent: events follow, or one that reports why
there are none."""

EARLY_PIECES, EARLY_BYTES = 8, 512
"""How many pieces of a stream are kept, and how much of each: its first events show whose form
its failure is reported in."""


class EventRelay(Relay):
    """A relay that follows what passes, if that is an event stream.

    ``target``: what was asked for. ``says_why``: whether a broken stream ends with an event that
    reports the failure. ``may_be_early``: whether the client may get a head before there is one,
    at the first heartbeat. The upstream's own head can then no longer reach it, so an answer
    without events is reported in an event too: a 4xx or 5xx as what it is, others as a 502.
    """

    __slots__ = (
        "_asking",
        "_beginning",
        "_boundaries",
        "_early",
        "_first",
        "_late",
        "_room",
        "_spoke_first",
        "may_be_early",
        "says_why",
        "target",
    )

    def __init__(
        self, shared: Shared, exchange: Exchange, method: str, target: str, request: bytes
    ) -> None:
        super().__init__(shared, exchange, method, request)
        self.target = target
        self.may_be_early = self.says_why = False
        self._early = self._spoke_first = False
        self._boundaries: Boundaries | None = None
        self._beginning = b""
        self._room = 0  # for so many pieces more
        self._late: LateAnswer | None = None
        self._first: asyncio.Future[ResponseHead] | None = None
        self._asking: asyncio.Task[ResponseHead] | None = None

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """As ``Relay.head``, or ``EARLY_HEAD``."""
        self._shared.beats.start(self)
        if not self.may_be_early:
            return await super().head(upload)
        # The handler resumes at the first heartbeat, in whichever phase the request is by then.
        self._first = self._shared.loop.create_future()
        self._asking = self._shared.loop.create_task(super().head(upload))
        self._asking.add_done_callback(self._asked)
        try:
            return await self._first
        except BaseException:  # as for Relay: a handler that is cancelled cancels the request
            self._asking.cancel()
            self.stop()
            raise

    def _asked(self, asking: "asyncio.Task[ResponseHead]") -> None:
        first = self._first
        if first is None or asking.cancelled():
            return
        error = asking.exception()
        if first.done():
            if isinstance(error, Exception):
                self.fail(error)
        elif error is not None:
            first.set_exception(error)
        else:
            first.set_result(asking.result())

    def beat(self) -> None:
        """The upstream has been silent for the interval."""
        self._shared.beats.start(self)
        if self._attached:
            if self._boundaries is None or self._boundaries.is_between_events:
                self._say(HEARTBEAT)
        elif self._first is not None and not self._first.done():
            self._early = True
            self._first.set_result(EARLY_HEAD)

    def attach(self, exchange: Exchange, encode: object) -> None:
        """As ``Relay.attach``; an early head is sent with the heartbeat that was due."""
        if self._early and not self._held:
            self._say(HEARTBEAT)
        super().attach(exchange, encode)

    def _answer(self, head: ResponseHead) -> None:
        super()._answer(head)
        if is_event_stream(head) and (self._early or head.length < 0):
            self._boundaries = Boundaries()
            self._room = EARLY_PIECES if self.says_why else 0
            if self._attached:
                self._shared.gap.start(self)
        elif self._early and is_error(head):
            self._late = LateAnswer(head)
            if self._upstream is not None:
                self._shared.gap.start(self)  # once: all of the body has to come in this time
        elif self._early:
            self.fail(HTTPError(502, f"the upstream answered {head.status}, not with events"))
        else:
            self._shared.beats.stop(self)

    def _forward(self, piece: bytes, end: End | None) -> None:
        if self._late is not None:
            return self._collect(self._late, piece, end)
        if self._boundaries is not None and self._attached:
            if self._spoke_first:
                self._spoke_first = False
                piece = piece.removeprefix(BOM)
            self._boundaries.feed(piece)
            if self._room:
                self._room -= 1
                self._beginning += piece[:EARLY_BYTES]
            if end is None:
                self._shared.beats.start(self)
        super()._forward(piece, end)

    def _collect(self, late: LateAnswer, piece: bytes, end: End | None) -> None:
        late.feed(piece)
        if end is None and not late.is_full:
            return
        # Not by ``fail``: the upstream has answered, and so has not failed.
        self.stop()
        self._error = HTTPError(late.status, late.detail)
        if self._attached:
            self._end_with(self._error)

    def _end_with(self, error: Exception) -> None:
        boundaries = self._boundaries
        if isinstance(error, HTTPError) and (self.says_why if boundaries else self._early):
            late = self._late
            failure = Failure(error.status, error.detail) if late is None else late.failure()
            event = form_of(self.target, self._beginning)(failure)
            self._say((boundaries.end_event() if boundaries else b"") + encode(event))
        super()._end_with(error)

    def _say(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange.outcome is None and not exchange.connection.paused:
            self._spoke_first |= not exchange.bytes_sent
            exchange.write(data)

    def _detach(self) -> Upstream | None:
        self._shared.beats.stop(self)
        # While the exchange lasts, its result is awaited.
        if self._asking is not None and self.exchange.outcome is not None:
            self._asking.cancel()
        return super()._detach()


def accepts_events(accept: str) -> bool:
    """Whether an Accept field names event streams, as EventSource's does."""
    return any(item.partition(";")[0].strip() == MEDIA_TYPE for item in split_list(accept.lower()))


def is_event_stream(head: ResponseHead) -> bool:
    """Whether the body is one of events, and not compressed."""
    fields = Headers.of_lower(head.fields)
    kind = (fields.get("content-type") or "").partition(";")[0].strip().lower()
    codings = content_codings(fields.get("content-encoding") or "")
    return kind == MEDIA_TYPE and not codings and head.status == 200
