"""The relay of an event stream that may be kept alive, or say why it ends.

By default a relay adds nothing. Where it may, it adds two things between the upstream's
events: comments while the upstream is silent, from the moment the client asked, since what
cuts quiet connections does not care whether a head has come; and a last event that
tells of the failure before the stream is cut.
"""

import asyncio

from streamserver.proxy.boundaries import Boundaries
from streamserver.proxy.relay import Relay
from streamserver.proxy.shared import Shared
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import Upstream
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.fields import split_list
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError, reason_phrase
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import Event, encode

BOM = b"\xef\xbb\xbf"
BEAT = b":\n\n"
TYPE = "text/event-stream"
EARLY_HEAD = ResponseHead(
    200,
    [("content-type", TYPE), ("cache-control", "no-cache"), ("x-accel-buffering", "no")],
    length=CHUNKED,
)
"""What a client is told whose upstream is still silent: there will be events, or a last one."""


class EventRelay(Relay):
    """A relay that looks at what passes, if that is an event stream.

    ``says_why``: whether a broken stream ends with an ``error`` event. ``may_be_early``: whether
    the client may get a head before there is one, at the first heartbeat. The upstream's own can
    then no longer be told, and if it is not that of an event stream, an ``error`` event tells so.
    """

    __slots__ = (
        "_asking",
        "_boundaries",
        "_early",
        "_first",
        "_spoke_first",
        "may_be_early",
        "says_why",
    )

    def __init__(self, shared: Shared, exchange: Exchange, method: str, request: bytes) -> None:
        super().__init__(shared, exchange, method, request)
        self.may_be_early = self.says_why = False
        self._early = self._spoke_first = False
        self._boundaries: Boundaries | None = None
        self._first: asyncio.Future[ResponseHead] | None = None
        self._asking: asyncio.Task[ResponseHead] | None = None

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """As ``Relay.head``, or ``EARLY_HEAD``."""
        self._shared.beats.start(self)
        if not self.may_be_early:
            return await super().head(upload)
        # The handler goes on at the first beat, whatever this is waiting for by then.
        self._first = self._shared.loop.create_future()
        self._asking = self._shared.loop.create_task(super().head(upload))
        self._asking.add_done_callback(self._asked)
        try:
            return await self._first
        except BaseException:  # as for Relay: a handler that waits no longer lets go of it all
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
            if self._boundaries is None or self._boundaries.between:
                self._say(BEAT)
        elif self._first is not None and not self._first.done():
            self._early = True
            self._first.set_result(EARLY_HEAD)

    def attach(self, exchange: Exchange, encode: object) -> None:
        """As ``Relay.attach``; a head that was early comes with the beat that brought it."""
        if self._early and not self._held:
            self._say(BEAT)
        super().attach(exchange, encode)

    def _answer(self, head: ResponseHead) -> None:
        super()._answer(head)
        if is_event_stream(head) and (self._early or head.length < 0):
            self._boundaries = Boundaries()
            if self._attached:
                self._shared.gap.start(self)
        elif self._early:
            self.fail(HTTPError(502, f"the upstream answered {head.status}, not with events"))
        else:
            self._shared.beats.stop(self)

    def _forward(self, piece: bytes, end: End | None) -> None:
        if self._boundaries is not None and self._attached:
            if self._spoke_first:
                self._spoke_first = False
                piece = piece.removeprefix(BOM)
            self._boundaries.feed(piece)
            if end is None:
                self._shared.beats.start(self)
        super()._forward(piece, end)

    def _end_with(self, error: Exception) -> None:
        boundaries = self._boundaries
        if isinstance(error, HTTPError) and (self.says_why if boundaries else self._early):
            title = reason_phrase(error.status)
            data = {"status": error.status, "title": title, "detail": error.detail}
            way_out = b"" if boundaries is None else boundaries.way_out()
            self._say(way_out + encode(Event(event="error", data=data)))
        super()._end_with(error)

    def _say(self, words: bytes) -> None:
        exchange = self.exchange
        if exchange.outcome is None and not exchange.connection.paused:
            self._spoke_first |= not exchange.bytes_sent
            exchange.write(words)

    def _detach(self) -> Upstream | None:
        self._shared.beats.stop(self)
        # As long as somebody waits for it, it must come to its end, and tell which.
        if self._asking is not None and self.exchange.outcome is not None:
            self._asking.cancel()
        return super()._detach()


def accepts_events(accept: str) -> bool:
    """Whether an Accept field names event streams, as EventSource's does."""
    return any(item.partition(";")[0].strip() == TYPE for item in split_list(accept.lower()))


def is_event_stream(head: ResponseHead) -> bool:
    """Whether the body is one of events, and not compressed."""
    fields = dict(head.fields)
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    coded = fields.get("content-encoding", "identity").strip().lower() != "identity"
    return kind == TYPE and not coded and head.status == 200
