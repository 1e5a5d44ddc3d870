"""One request and its response, from the head that was read to the outcome.

The engine calls the handler, and the type of the body that it returns selects how the body is
sent. Bytes are written together with their head. An async iterable is pulled: the next piece is
requested when the client has room. A push body writes to the exchange by itself.

All of it runs in one task, so a client that leaves is one cancellation: it reaches the handler
or its generator where it waits, and its ``finally`` blocks run in the task that they belong to.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from streamserver.server import eager
from streamserver.server.answer import FAILED, Answer, Problem, PushBody, is_push, problem_of
from streamserver.server.deadlines import Deadlines
from streamserver.server.identity import Identified
from streamserver.server.phase import ENDED, READY, STREAMING, Outcome
from streamserver.server.ports import Connection
from streamserver.server.pull import pull
from streamserver.server.sendfile import send_region
from streamserver.server.state import ServerState
from streamserver.server.writer import Trailers
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead

log = logging.getLogger("streamserver")


class Exchange(Identified):
    """A request and its response.

    ``route`` is the pattern of the router that matched the target, "" if there is none.
    ``attributes`` are names and values that a handler adds for the log. The callbacks in
    ``on_end`` are called when the exchange has ended; they must not raise. ``started`` and
    ``ended`` are in seconds of ``time.monotonic``.
    """

    __slots__ = (
        "_answer",
        "_beats",
        "_bytes_at_beat",
        "_in_step",
        "_task",
        "attributes",
        "ended",
        "error",
        "on_end",
        "route",
        "started",
    )

    def __init__(self, server: ServerState, connection: Connection, head: RequestHead) -> None:
        super().__init__(server, connection, head)
        self._client = None
        self.route = ""
        self.started = monotonic()
        self.ended = 0.0
        self.error: BaseException | None = None
        self.attributes: tuple[tuple[str, float | str], ...] = ()
        self.on_end: list[Callable[[], object]] = []
        self._answer: Answer | None = None
        self._beats: Deadlines[Any] | None = None
        self._bytes_at_beat = 0
        self._in_step = False
        self._task: asyncio.Task[None] | None = None

    # The handler and its response

    def start(self) -> None:
        """Run the handler until it waits; a task continues it."""
        self._in_step = True  # this method writes the head at the end of the step
        task = eager.start(self._run(), self.server.loop)
        self._in_step = False
        if self.phase is not ENDED:
            self._task = task
            if self.phase is not STREAMING:
                self.flush_head()
            if self.server.settings.max_stream:
                self.server.stream_deadlines.start(self)
        elif task is not None:
            self._cancel(task)

    def resume(self, waiter: "asyncio.Future[Any]", result: object) -> None:
        """Resolve what the handler waits for, and continue the handler in this call. The head of
        its response waits for a piece, or for ``flush_head``."""
        self._in_step = True
        eager.resolve(waiter, result, self.server.loop)
        self._in_step = False

    async def _run(self) -> None:
        try:
            answer = await self.server.handler(self)
            body = answer.body
            if isinstance(body, bytes):
                self.prepare(answer)
                self.end(body)
            elif hasattr(body, "__aiter__"):
                pieces = aiter(body)  # to be closed: not every iterable is its own iterator
                try:
                    if self.begin(answer):
                        await pull(self, pieces, answer.encode)
                except StopAsyncIteration:
                    pass
                finally:
                    # Here, because the garbage collector would do it later, in another context.
                    if (aclose := getattr(pieces, "aclose", None)) is not None:
                        await aclose()
                self.end()
            elif is_push(body):
                self._attach(body, answer)
            else:
                await send_region(self, answer)
                self.end()
        except BaseException as error:
            self._task = None
            self.fail(error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise  # such as SystemExit: the client has got its response
        self._task = None

    def _attach(self, body: PushBody, answer: Answer) -> None:
        if not self.begin(answer):
            self.notify_cancelled(answer)
            return self.end()
        server = self.server
        if server.trusted is not None:
            self._client = self.true_client  # from the fields
        # An idle stream seldom needs the others.
        self.head = self.head.without_fields(server.observer.fields)
        try:
            body.attach(self, answer.encode)
        except BaseException:
            self.notify_cancelled(answer)
            raise
        if self.phase is READY and not self._in_step:
            self.server.loop.call_soon(self.flush_head)

    def begin(self, answer: Answer) -> bool:
        """Make the head of a stream, and start its heartbeats; whether a body follows it."""
        if not self.prepare(answer):
            return False
        self._answer = answer
        if answer.endless is not None:
            self._beats = self.server.beats(answer.endless.interval)
            self._beats.start(self)
            if self.server.draining:
                self.server.loop.call_soon(self.end_early, Outcome.DRAINED)
        return True

    def beat(self) -> None:
        """Send a heartbeat if nothing was sent since the last call: there are two calls in an
        interval."""
        answer = self._answer
        if answer is not None and answer.endless is not None and self._beats is not None:
            was_silent = self._bytes_at_beat == self.bytes_sent
            self._bytes_at_beat = self.bytes_sent  # a heartbeat counts as sent at the next call
            self._beats.start(self)
            if was_silent and not self.connection.paused:
                self.write(answer.endless.beat)

    def drained(self) -> None:
        """The client has room again."""
        if self._answer is not None and is_push(self._answer.body):
            self._call_hook(self._answer.body.drained)

    def notify_cancelled(self, answer: Answer | None) -> None:
        """Report to a push body that it has no reader."""
        if answer is not None and is_push(answer.body):
            self._call_hook(answer.body.cancelled, self)

    def _call_hook(self, hook: Callable[..., None], *arguments: object) -> None:
        try:
            hook(*arguments)
        except Exception:  # it must not end other exchanges
            log.exception("%s: a stream that was %s failed", self.name, hook.__name__)

    # The ways to end

    def end(self, piece: bytes = b"", trailers: Trailers = ()) -> None:
        """Complete the body: this last piece and the end of the framing share a write.

        Trailer fields are sent if the body is chunked; ValueError as for ``last_chunk``.
        """
        if self.phase is ENDED:
            return
        if self._framing == "length" and (missing := self._left - len(piece)) > 0:
            return self.fail(ValueError(f"{missing} bytes of Content-Length are missing"))
        self._complete(Outcome.COMPLETE, piece, trailers)

    def _complete(self, outcome: Outcome, piece: bytes, trailers: Trailers = ()) -> None:
        self._write_end(piece, trailers)
        self._finish(outcome)
        self.connection.exchange_ended(self._keep_alive)

    def fail(self, error: BaseException) -> None:
        """The producer failed: send an error response if no head was sent, else cut the stream."""
        if self.phase is ENDED:
            return
        self.error = error
        problem = problem_of(error, self.name, self.server.descriptors)
        if self.has_sent_head:
            return self.cut(Outcome.TRUNCATED)
        is_refused = self.body is not None and self.body.error is error
        self.send_error(problem, Outcome.REJECTED if is_refused else Outcome.COMPLETE)

    def send_error(self, error: HTTPError, outcome: Outcome = Outcome.REJECTED) -> None:
        """Send an error response, in place of a head that was not sent yet."""
        try:
            answer = Problem(error)
            if outcome is not Outcome.COMPLETE:
                answer.headers["connection"] = "close"
            self.prepare(answer)
        except (TypeError, ValueError):
            log.exception("%s: %r cannot be sent as a problem", self.name, error)
            answer = Problem(HTTPError(500, FAILED))
            self.prepare(answer)
        self._complete(outcome, answer.body)

    def cut(self, outcome: Outcome) -> None:
        """End the body without the end of its framing, so the client detects that it is cut."""
        if self.phase is ENDED:
            return
        self.release()
        # An RST, because a FIN would signal completion of a close-delimited body.
        reset = self._framing == "close" or outcome is Outcome.STALLED
        self.abandon(outcome)
        self.connection.cut(reset)

    def end_early(self, outcome: Outcome) -> bool:
        """End an endless body properly; False if it is not endless, or has not begun."""
        if not (answer := self._answer) or not (endless := answer.endless) or not endless.farewell:
            return False
        if self._framing == "length":  # a body with a length has to be whole
            return False
        self._call_hook(getattr(answer.body, "flushed", self.release))
        if self.phase is not ENDED:
            self._write_end(endless.farewell(self.server.leaving), ())
            self.abandon(outcome)
            self.connection.exchange_ended(False)
        return True

    def expire(self) -> None:
        """``max_stream`` has passed."""
        if not self.has_sent_head:
            task, self._task = self._task, None
            self.send_error(HTTPError(503, "the answer took too long"), Outcome.EXPIRED)
            self._cancel(task)
        elif not self.end_early(Outcome.EXPIRED):
            self.cut(Outcome.EXPIRED)

    def abandon(self, outcome: Outcome) -> None:
        """Stop the producer, because the response has no reader any more."""
        if self.phase is ENDED:
            return
        task, answer, self._task = self._task, self._answer, None
        self._finish(outcome)
        if task is not None:
            self._cancel(task)
        else:
            self.notify_cancelled(answer)

    def _cancel(self, task: asyncio.Task[None] | None) -> None:
        if task is not None and task.cancel():
            self.server.unwinding.add(task)
            task.add_done_callback(self.server.unwinding.discard)

    def _finish(self, outcome: Outcome) -> None:
        self.phase = ENDED
        self.outcome = outcome
        self.ended = monotonic()
        server = self.server
        if server.settings.max_stream:
            server.stream_deadlines.stop(self)
        if self._beats is not None:
            self._beats.stop(self)
            self._beats = None
        if self.coder is not None:
            self._stop_coding(self.coder)
        self._answer = None
        while self.on_end:
            self.on_end.pop()()
        server.observer.ended(self)
