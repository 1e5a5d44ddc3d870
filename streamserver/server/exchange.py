"""One request and its response, from the head that was read to the outcome.

The engine runs a handler and looks at the body it answered with. Bytes go out with their
head in one write. An async iterable is pulled: a piece is asked for, written, and the next
one asked for once the client has room. A push body is left to whoever drives it.

All of it runs in one coroutine, so a client that leaves is one cancellation: it reaches the
handler or its generator where they stand, and their ``finally`` blocks run in their own task.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeVar

from streamserver.server import eager
from streamserver.server.answer import Answer, Problem, is_push
from streamserver.server.body import RequestBody
from streamserver.server.deadlines import Deadlines
from streamserver.server.failing import failed, problem_of
from streamserver.server.framing import frame
from streamserver.server.outcome import Outcome
from streamserver.server.pull import pull
from streamserver.server.sending import attach, copy
from streamserver.server.writer import Trailers, Writer
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead

if TYPE_CHECKING:
    from streamserver.server.connection import Connection

T = TypeVar("T")
log = logging.getLogger("streamserver")


class Exchange(Writer):
    """A request and its response.

    What an observer may read of one that ended: ``method``, ``target``, ``client``, ``status``
    (0 if no head was sent), ``outcome``, ``error``, ``bytes_sent``, ``route``, ``attributes``, and
    ``started``, ``first_byte`` and ``ended`` in seconds of ``time.monotonic``.

    ``route`` is the pattern of the router that matched the target, "" if there is none.
    ``attributes`` are names and values that a handler adds for the log. The callbacks in
    ``on_end`` are called when the exchange has ended; they must not raise.
    """

    __slots__ = (
        "_answer",
        "_beats",
        "_in_step",
        "_mark",
        "_task",
        "attributes",
        "body",
        "ended",
        "error",
        "head",
        "on_end",
        "route",
        "started",
    )

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        super().__init__(connection)
        self.head = head
        self.body = RequestBody(connection, head) if head.length else None
        self.route = ""
        self.started = monotonic()
        self.ended = 0.0
        self.error: BaseException | None = None
        self.attributes: tuple[tuple[str, float | str], ...] = ()
        self.on_end: list[Callable[[], object]] = []
        self._answer: Answer | None = None
        self._beats: Deadlines[Exchange] | None = None
        self._mark = 0
        self._in_step = False
        self._task: asyncio.Task[None] | None = None

    @property
    def method(self) -> str:
        """The request's method, "-" if no head could be read."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request's target as it came, "-" if no head could be read."""
        return self.head.target

    @property
    def client(self) -> str:
        """The peer as ``address:port``, or "unix"."""
        return self.connection.client

    @property
    def _name(self) -> tuple[str, str]:
        return self.method, ascii(self.target)[1:-1]

    # The handler and its answer

    def start(self) -> None:
        """Run the handler; when it waits, a task goes on with it."""
        self._in_step = True  # so that whoever takes the step sends the head, if nothing else did
        task = eager.start(self._run(), self.connection.loop)
        self._in_step = False
        if self.outcome is None:
            self._task = task
            self.flush_head()
            self.connection.server.stream_deadlines.start(self)
        else:  # it ended within its first step: by its own doing
            self._cancel(task)

    def resume(self, waiter: "asyncio.Future[T]", result: T) -> None:
        """Give the handler what it waits for, and let it go on at once.

        The head of its answer waits for a piece, or for ``flush_head``.
        """
        self._in_step = True
        eager.resolve(waiter, result, self.connection.loop)
        self._in_step = False

    async def _run(self) -> None:
        try:
            answer = await self.connection.server.handler(self)
            if isinstance(answer.body, bytes):
                self._prepare(answer)
                self.end(answer.body)
            elif is_push(answer.body):
                attach(self, answer)
            else:
                await (pull if hasattr(answer.body, "__aiter__") else copy)(self, answer)
                self.end()
        except BaseException as error:
            self._task = None
            self.fail(error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise  # someone ends the process: the client is told all the same
        self._task = None

    def _prepare(self, answer: Answer) -> bool:
        """Make the head of the answer; whether a body follows it."""
        if self.outcome is not None:
            return False
        server = self.connection.server
        body = self.body
        may_keep = self.head.keep_alive and not server.draining and (not body or body.is_short)
        framed = frame(self.head, answer, server.date(), may_keep)
        self._unsent_head, self._framing, self._left, self._keep_alive = framed
        self.status = answer.status
        if not self._in_step:
            self.connection.loop.call_soon(self.flush_head)
        return self._framing != "none"

    def begin(self, answer: Answer) -> bool:
        """Make the head of a stream, and what keeps it alive; whether a body follows it."""
        if not self._prepare(answer):
            return False
        self._answer = answer
        if answer.endless is not None:
            self._beats = self.connection.server.beats(answer.endless.interval)
            self._beats.start(self)
            if self.connection.server.draining:
                self.connection.loop.call_soon(self.end_early, Outcome.DRAINED)
        return True

    def beat(self) -> None:
        """Send a heartbeat if nothing was sent since the last call."""
        endless = self._answer.endless if self._answer is not None else None
        if endless is not None and self._beats is not None:
            was_silent = self._mark == self.bytes_sent
            # A beat counts as speech at the next call: there are two calls in an interval.
            self._mark = self.bytes_sent
            self._beats.start(self)
            if was_silent and not self.connection.paused:
                self.write(endless.beat)

    def drained(self) -> None:
        """The client has room again: tell a push body."""
        self.tell(self._answer, "drained")

    def tell(self, answer: Answer | None, event: Literal["drained", "cancelled"]) -> None:
        """Tell a push body; what its hooks raise must not hurt other exchanges."""
        if answer is not None and is_push(answer.body):
            try:
                if event == "drained":
                    answer.body.drained()
                else:
                    answer.body.cancelled(self)
            except Exception:
                log.exception("%s %s: a stream that was %s failed", *self._name, event)

    # The ways it may end

    def end(self, piece: bytes = b"", trailers: Trailers = ()) -> None:
        """Complete the body: this last piece and the end of the framing share a write.

        Trailer fields reach a client whose response is chunked; ValueError as
        ``last_chunk`` has it.
        """
        if self.outcome is None:
            missing = self._left - len(piece) if self._framing == "length" else 0
            if missing > 0:
                return self.fail(ValueError(f"{missing} bytes of Content-Length are missing"))
            self._end_properly(Outcome.COMPLETE, piece, trailers)

    def fail(self, error: BaseException) -> None:
        """The producer failed: an error answer while no head is out, else the stream is cut."""
        if self.outcome is not None:
            return
        self.error = error
        problem = problem_of(error, *self._name, self.connection.server.descriptors)
        if self.has_sent_head:
            return self.cut(Outcome.TRUNCATED)
        refused = self.body is not None and self.body.error is error
        self.reject(problem, Outcome.REJECTED if refused else Outcome.COMPLETE)

    def reject(self, error: HTTPError, outcome: Outcome = Outcome.REJECTED) -> None:
        """Answer with an error, instead of a head that has not left yet."""
        try:
            answer = Problem(error)
            if outcome is not Outcome.COMPLETE:
                answer.headers["connection"] = "close"
            self._prepare(answer)
        except (TypeError, ValueError):
            log.exception("%r cannot be sent as a problem", error)
            answer = Problem(failed())
            self._prepare(answer)
        self._end_properly(outcome, answer.body)

    def cut(self, outcome: Outcome) -> None:
        """End without what would tell the client that the body is whole."""
        if self.outcome is None:
            self.release()  # what came before the cut
            # A FIN is the proper end of a close-delimited body: only a reset tells the truth.
            reset = self._framing == "close" or outcome is Outcome.STALLED
            self.abandon(outcome)
            self.connection.cut(reset)

    def end_early(self, outcome: Outcome) -> bool:
        """End an endless body properly; False if it is not endless, or not yet begun."""
        answer = self._answer
        if self.outcome is not None or answer is None or answer.endless is None:
            return False
        if self._framing == "length":  # whoever gave it a length wants it whole
            return False
        self.write(answer.endless.farewell())
        self._keep_alive = False
        self._write_end(b"", ())
        self.abandon(outcome)
        self.connection.exchange_ended(self, False)
        return True

    def expire(self) -> None:
        """The response has outlived ``max_stream``."""
        if not self.has_sent_head:
            task, self._task = self._task, None
            self.reject(HTTPError(503, "the answer took too long"), Outcome.EXPIRED)
            self._cancel(task)
        elif not self.end_early(Outcome.EXPIRED):
            self.cut(Outcome.EXPIRED)

    def abandon(self, outcome: Outcome) -> None:
        """Nobody will read any more: stop whoever writes."""
        if self.outcome is not None:
            return
        task, self._task = self._task, None
        answer = self._answer
        self._finish(outcome)
        if task is not None:
            self._cancel(task)
        else:
            self.tell(answer, "cancelled")

    def _cancel(self, task: asyncio.Task[None] | None) -> None:
        if task is not None and task.cancel():
            unwinding = self.connection.server.unwinding
            unwinding.add(task)
            task.add_done_callback(unwinding.discard)

    def _end_properly(self, outcome: Outcome, piece: bytes = b"", trailers: Trailers = ()) -> None:
        self._write_end(piece, trailers)
        self._finish(outcome)
        self.connection.exchange_ended(self, self._keep_alive)

    def _finish(self, outcome: Outcome) -> None:
        server = self.connection.server
        self.outcome = outcome
        self.ended = monotonic()
        server.stream_deadlines.stop(self)
        if self._beats is not None:
            self._beats.stop(self)
            self._beats = None
        self._answer = None
        while self.on_end:
            self.on_end.pop()()
        server.observer.ended(self)
