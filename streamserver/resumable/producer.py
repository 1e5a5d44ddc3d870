"""The producer of an answer: a request to the upstream that outlives the client that asked.

It runs without a task: each read of the upstream is split into events, and these are in the log,
and written to the readers, before the call returns. A slow reader does not slow the upstream: it
stays where it is in the log, whose size is limited.

Until the upstream's head arrives, clients wait for it. A head without an event stream is for one
of them, whose response is relayed as usual; nothing of it is kept.

Up to the first event each microsecond counts: what can be done before the head arrives, or after
the first client has its event, is done there.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from streamserver.proxy.attempts import Attempts
from streamserver.proxy.events import FIRST_BYTES, is_event_stream
from streamserver.proxy.failures import Failure, form_of
from streamserver.proxy.phase import ENDED, HOLDING, STREAMING
from streamserver.proxy.repeating import RepeatedRequest
from streamserver.proxy.rewriting import end_to_end, without_id
from streamserver.proxy.timing import Attributes
from streamserver.resumable.limits import Limits
from streamserver.resumable.ports import Head, Record, State, Store
from streamserver.resumable.question import Question
from streamserver.resumable.splitter import EventSplitter
from streamserver.resumable.waiters import Waiter, Waiters
from streamserver.server.deadlines import Deadlines
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import encode

log = logging.getLogger("streamserver")

REPLACED = frozenset(
    (
        *("content-length", "content-md5", "content-digest", "repr-digest", "digest"),
        *("etag", "last-modified", "accept-ranges"),
        *("location", "x-stream-id"),
    )
)
"""Fields about the bytes of a body, which the ids change, and those that answers have."""

OF_ONE = frozenset(("set-cookie", "date", "age"))
"""Fields for the client that asked: a cookie may be for it alone."""

UNNAMED = Record("", "", None, "")
"""The record of an answer before it is claimed."""


class Producer(RepeatedRequest):
    """Satisfies ``ports.Producer``. ``windows``: the deadlines of answers without a reader.
    ``on_end``: called once, when nothing more is received.

    ``is_answer``: whether the upstream has responded with an event stream. ``fields``: those of the
    response to the client that asked for it, and ``attributes``: of its exchange.
    """

    __slots__ = (
        *("_count", "_error", "_first", "_head", "_is_followed", "_is_open", "_limits"),
        *("_on_end", "_opening", "_select", "_size", "_splitter", "_started", "_store"),
        *("_unfinished", "_waiters", "_windows", "attributes", "fields", "is_answer", "record"),
    )

    _head: ResponseHead
    fields: Fields

    def __init__(
        self,
        question: Question,
        store: Store,
        limits: Limits,
        windows: "Deadlines[Producer]",
        on_end: "Callable[[Producer], object]",
    ) -> None:
        state, method, _, sent, _ = question.outgoing
        super().__init__(state, question.request.exchange, method, sent)
        self._select = question.select
        self.attributes: Attributes = ()
        self.record = UNNAMED
        self._store = store
        self._limits = limits
        self._windows = windows
        self._on_end = on_end
        self._waiters = Waiters()
        self._opening: asyncio.Task[None] | None = None
        self._started = monotonic()
        self._splitter = EventSplitter()
        self._count = self._size = self._unfinished = 0
        self._first = b""
        self._error: Exception | None = None  # of a failure before the head
        self._is_followed = self._is_open = self.is_answer = False

    # Clients that wait for the head

    def check(self) -> None:
        """Raise the error of a request that has failed already, perhaps before it was claimed."""
        if self._error is not None:
            self._store.discard(self.record.id)
            self._on_end(self)
            raise self._error

    def add_waiter(self, exchange: Exchange) -> Waiter:
        """What a client waits for: the upstream's response, or its failure.

        If it ``is_answer``, every client may read it; else it is to be relayed to this client. The
        first client gets the upstream's head, the others None. HTTPError as ``Relay.head``; 409 if
        the response is no answer, and another client got it.
        """
        self.set_followed(True)
        return self._waiters.add(exchange)

    def remove_waiter(self, waiter: Waiter) -> None:
        """The client has left, or has got an error."""
        self._waiters.remove(waiter)
        if not self._waiters and not self._is_open:
            is_no_answer = self.phase is HOLDING and self._opening is None
            if self.record.key is None or is_no_answer:
                self.stop()  # no client can come back to it
            else:
                self.set_followed(False)

    def _end_attempts(self, attempts: Attempts) -> None:
        self.attributes = self.attributes or attempts.attributes  # of a request without a head
        super()._end_attempts(attempts)

    # The response

    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        self._head = head
        self.attributes = self._hold(piece, end, self._started)
        self.is_answer = is_event_stream(head)
        if not self.is_answer:
            if not self._waiters:
                return self.stop()
            self._waiters.resume_first(head)
            return self._waiters.refuse_all()
        fields = end_to_end(head)
        if self.server.identifies:  # a reader's response has the id of the reader's request
            fields, attributes = without_id(fields)
            self.attributes += attributes
        if self._select is not None:
            fields = self._select(fields)
        self.fields = [field for field in fields if field[0] not in REPLACED]
        if not self._store.is_shared:
            return self._begin()
        self._opening = self._state.loop.create_task(self._open())
        self._opening.add_done_callback(lambda _: self._begin())

    async def _open(self) -> None:
        record = self._with_head()
        try:
            await self._store.open(record)
        except Exception as error:
            self._opening = None
            return self.fail(error)
        self.record = record

    def _with_head(self) -> Record:
        shared = [field for field in self.fields if field[0] not in OF_ONE]
        return Record(*self.record[:-1], Head(self._head.status, shared))

    def _begin(self) -> None:
        """Put what is held into the log, then continue the clients."""
        self._opening = None
        if self.phase is not HOLDING:
            return  # it failed, or was stopped
        self._is_open = True
        self._is_followed = False
        self._enter(STREAMING)
        piece, self._held = self._held, b""
        self._take(piece, self._end)
        self._waiters.resume_first(self._head)
        if self.record.head is None:  # in memory
            self.record = self._with_head()
        self._waiters.resume_all()
        if not self._is_followed:
            self.set_followed(False)
        if self._upstream is not None:
            self._upstream.resume_reading()

    def _forward(self, piece: bytes, end: End | None) -> None:
        if self.phase is HOLDING:
            return self._hold_more(piece, end)
        self._state.gap.start(self, monotonic())
        self._take(piece, end)

    def _take(self, piece: bytes, end: End | None) -> None:
        if events := self._splitter.feed(piece):
            if self._unfinished:
                self._hold_unfinished(0)
            self._add(events)
        if self.phase is not STREAMING:
            return  # the answer is too large
        if end is not None:
            self._finish(State.COMPLETE, self._splitter.rest())
        elif (size := len(self._splitter.held)) != self._unfinished:
            self._hold_unfinished(size)

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

    def _hold_unfinished(self, size: int) -> None:
        self._unfinished = size
        if self._size + size > self._limits.bytes:
            self._outgrow()
        else:
            self._store.hold_unfinished(self.record.id, size)

    def _outgrow(self) -> None:
        limits = self._limits
        held = f"{limits.events} events and {limits.bytes} bytes"
        self.abort(HTTPError(503, f"the answer is too long: at most {held} of one are held"))

    # The ends

    def set_followed(self, is_followed: bool) -> None:
        """As ``ports.Producer.set_followed``."""
        self._is_followed = is_followed
        if is_followed:
            self._windows.stop(self)
        elif self.phase is not ENDED and not self._waiters and self not in self._windows:
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
        self._error = error
        self.stop()
        self._waiters.fail_all(error)

    def _finish(self, state: State, event: bytes) -> None:
        self.stop()
        if self.record.head is None:
            self.record = self._with_head()
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
        if not self._is_open:
            self._store.discard(self.record.id)
        self._on_end(self)
