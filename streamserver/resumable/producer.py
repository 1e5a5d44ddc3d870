"""The producer of an answer: a request to the upstream that outlives the client that asked.

It runs without a task: each read of the upstream is split into events, and these are in the log,
and written to the readers, before the call returns. A slow reader does not slow the upstream: it
stays where it is in the log, whose size is limited.

Until the upstream's head arrives, clients wait for it in ``wait``. A head without an event stream
is for one of them, whose response is relayed as usual; nothing of it is kept.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from streamserver.proxy.events import is_event_stream
from streamserver.proxy.failures import Failure, form_of
from streamserver.proxy.phase import ENDED, HOLDING, STREAMING
from streamserver.proxy.request import Attributes, RelayedRequest
from streamserver.proxy.rewriting import end_to_end
from streamserver.resumable.limits import Limits
from streamserver.resumable.ports import Head, Record, State, Store
from streamserver.resumable.question import Question
from streamserver.resumable.splitter import EventSplitter
from streamserver.server import eager
from streamserver.server.deadlines import Deadlines
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import encode

log = logging.getLogger("streamserver")

OF_BYTES = frozenset(
    (
        *("content-length", "content-md5", "content-digest", "repr-digest", "digest"),
        *("etag", "last-modified", "accept-ranges"),
    )
)
"""Fields about the bytes of a body, which the ids change."""

OF_ONE = frozenset(("set-cookie", "date", "age"))
"""Fields for the client that asked: a cookie may be for it alone."""

FIRST_BYTES = 512
"""Bytes of the first event, which show the form of an error event, as in ``EventRelay``."""


class Producer(RelayedRequest):
    """Satisfies ``ports.Producer``. ``windows``: the deadlines of answers without a reader.
    ``on_end``: called once, when nothing more is received. ``attributes``: of the exchange of the
    client that asked, when the upstream has responded."""

    __slots__ = (
        *("_count", "_first", "_head", "_limits", "_on_end", "_opening", "_select", "_size"),
        *("_splitter", "_started", "_store", "_waiters", "_windows", "attributes", "record"),
    )

    _head: ResponseHead
    attributes: Attributes

    def __init__(
        self,
        question: Question,
        record: Record,
        store: Store,
        limits: Limits,
        windows: "Deadlines[Producer]",
        on_end: "Callable[[Producer], object]",
    ) -> None:
        outgoing = question.outgoing
        super().__init__(outgoing.state, outgoing.server, outgoing.method, outgoing.sent)
        self._select = question.select
        self.record = record
        self._store = store
        self._limits = limits
        self._windows = windows
        self._on_end = on_end
        self._waiters: dict[asyncio.Future[ResponseHead | None], Exchange] = {}
        self._opening: asyncio.Task[None] | None = None
        self._started = monotonic()
        self._splitter = EventSplitter()
        self._count = self._size = 0
        self._first = b""

    # Clients that wait for the head

    async def wait(self, exchange: Exchange, *, is_first: bool = False) -> ResponseHead | None:
        """Wait until the upstream has responded; ``is_first``: send the request before.

        If ``record`` has a head then, the response is an event stream. Else it is no answer, and
        to be relayed to this client. The first client gets the upstream's head, with the fields
        that are for it alone, the others None.

        HTTPError as ``Relay.head``; 409 if the response is no event stream and another client got
        it: this one may try again.
        """
        self.set_followed(True)
        waiter: asyncio.Future[ResponseHead | None] = self._state.loop.create_future()
        self._waiters[waiter] = exchange
        if is_first:
            self.start()
        try:
            return await waiter
        except BaseException:
            self._waiters.pop(waiter, None)
            if not self._waiters and self.record.head is None:
                self._on_nobody()
            raise

    def _on_nobody(self) -> None:
        """All clients have left before they got a head."""
        is_no_answer = self.phase is HOLDING and self._opening is None
        if self.record.key is None or is_no_answer:
            self.stop()  # no client can come back to it
        else:
            self.set_followed(False)

    def _resume_waiters(self) -> None:
        """Continue the clients in this call; the first may take over the response."""
        waiters, self._waiters = self._waiters, {}
        head: ResponseHead | None = self._head
        for waiter, exchange in waiters.items():
            if waiter.done():
                continue
            if head is None and self.record.head is None:
                detail = "another request with this key got the response, which is not kept"
                waiter.set_exception(HTTPError(409, detail, headers={"Retry-After": "1"}))
                continue
            exchange.resume(waiter, head)
            exchange.flush_head()
            head = None

    # The response

    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        self._head = head
        self.attributes = self._hold(piece, end, self._started)
        if not is_event_stream(head):
            return self._resume_waiters() if self._waiters else self.stop()
        shared = [field for field in self.fields_of_first() if field[0] not in OF_ONE]
        record = self.record._replace(head=Head(head.status, shared))
        self._opening = eager.start(self._open(record), self._state.loop)
        if self._opening is None:
            self._on_open(record)
        else:
            self._opening.add_done_callback(lambda _: self._on_open(record))

    async def _open(self, record: Record) -> None:
        assert record.head is not None
        try:
            await self._store.open(record.id, record.head)
        except Exception as error:
            self._opening = None
            self.fail(error)

    def _on_open(self, record: Record) -> None:
        """The answer can be found: put what is held into the log, then continue the clients."""
        self._opening = None
        if self.phase is not HOLDING:
            return  # it failed, or was stopped
        self.record = record
        self._enter(STREAMING)
        self.set_followed(False)  # a client may have left in this very moment
        piece, end, self._held = self._held, self._end, b""
        if piece or end is not None:
            self._forward(piece, end)
        self._resume_waiters()
        if self._upstream is not None:
            self._upstream.resume_reading()

    def fields_of_first(self) -> Fields:
        """The fields of the response to the client that asked."""
        fields = self._select(end_to_end(self._head))
        return [field for field in fields if field[0] not in OF_BYTES]

    def _forward(self, piece: bytes, end: End | None) -> None:
        if self.phase is HOLDING:
            return self._hold_more(piece, end)
        if events := self._splitter.feed(piece):
            self._add(events)
        if self.phase is not STREAMING:
            return  # the answer is too large
        if end is not None:
            self._finish(State.COMPLETE, self._splitter.rest())
        elif self._size + self._splitter.size > self._limits.bytes:
            self._outgrow()
        else:
            self._state.gap.start(self, monotonic())

    def _add(self, events: list[bytes]) -> None:
        self._first = self._first or events[0][:FIRST_BYTES]
        limits, is_full = self._limits, False
        for number, event in enumerate(events):
            self._count += 1
            self._size += len(event)
            if self._count > limits.events or self._size > limits.bytes:
                events, is_full = events[:number], True
                break
        if events:
            self._store.append(self.record.id, events)
        if is_full:
            self._outgrow()

    def _outgrow(self) -> None:
        limits = self._limits
        held = f"{limits.events} events and {limits.bytes} bytes"
        self.abort(HTTPError(503, f"the answer is too long: at most {held} of one are held"))

    # The ends

    def set_followed(self, is_followed: bool) -> None:
        """As ``ports.Producer.set_followed``."""
        if is_followed:
            self._windows.stop(self)
        elif self.phase is not ENDED and self not in self._windows:
            self._windows.start(self)

    def cancel(self) -> None:
        """As ``ports.Producer.cancel``."""
        self.end(State.CANCELLED, HTTPError(410, "the answer was cancelled by a request"))

    def expire(self) -> None:
        """It had no reader for ``resume_window``."""
        detail = f"the answer was cancelled: it had no reader for {self._limits.window:g} s"
        log.warning("%s (%s after %d events)", detail, self._name, self._count)
        self.end(State.CANCELLED, HTTPError(410, detail))

    def abort(self, error: HTTPError) -> None:
        """As ``ports.Producer.abort``."""
        if self.phase is not ENDED:
            log.warning("%s (%s)", error.detail, self._name)
            self.end(State.FAILED, error)

    def fail(self, error: Exception) -> None:
        """As ``RelayedRequest.fail``."""
        if self.phase is not ENDED:
            if isinstance(error, HTTPError) and error.status >= 500:
                self._report("failure")
            self.end(State.FAILED, error)

    @property
    def _name(self) -> str:
        """For the log: enough of the id to find its requests, and too little to make one."""
        return f"{self.record.target.partition('?')[0][:100]!a}, {self.record.id[:6]}..."

    def end(self, state: State, error: Exception) -> None:
        """End the answer in this state; an error event is the last one of the log."""
        if self.phase is STREAMING:
            problem = error if isinstance(error, HTTPError) else HTTPError(500, "the server failed")
            form = form_of(self.record.target, self._first)
            return self._finish(state, encode(form(Failure(problem.status, problem.detail))))
        self.stop()
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _finish(self, state: State, event: bytes) -> None:
        self.stop()
        self._store.end(self.record.id, state, event)

    def stop(self) -> None:
        """As ``RelayedRequest.stop``; an answer that was not opened is forgotten."""
        if self.phase is ENDED:
            return
        opening, self._opening = self._opening, None
        super().stop()
        if opening is not None and opening.cancel():
            self.server.unwinding.add(opening)
            opening.add_done_callback(self.server.unwinding.discard)
        self._windows.stop(self)
        if self.record.head is None:
            self._store.discard(self.record.id)
        self._on_end(self)
