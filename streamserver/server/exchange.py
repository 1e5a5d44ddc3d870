"""One request and its response, from the head that was read to the outcome.

The engine runs a handler and looks at the body it answered with. Bytes go out with their
head in one write. An async iterable is pulled: a piece is asked for, written, and the next
one asked for once the client has room. A push body is left to whoever drives it.

All of it runs in one coroutine, so a client that leaves is one cancellation: it reaches the
handler or its generator where they stand, and their ``finally`` blocks run in their own task.
"""

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Literal

from streamserver.server import eager
from streamserver.server.answer import Answer, FileRegion, Problem
from streamserver.server.body import RequestBody
from streamserver.server.deadlines import Deadlines
from streamserver.server.framing import frame
from streamserver.server.outcome import Outcome
from streamserver.server.sendfile import send_file
from streamserver.server.writer import Writer
from streamserver.wire.heads import RequestHead
from streamserver.wire.problem import HTTPError

if TYPE_CHECKING:
    from streamserver.server.connection import Connection

log = logging.getLogger("streamserver")


class Exchange(Writer):
    """A request and its response.

    What an observer may read of one that ended: ``method``, ``target``, ``client``, ``status``
    (0 if no head was sent), ``outcome``, ``error``, ``bytes_sent``, and ``started``,
    ``first_byte`` and ``ended`` in seconds of ``time.monotonic``.
    """

    __slots__ = (
        "_answer",
        "_beats",
        "_in_first_step",
        "_mark",
        "_task",
        "body",
        "ended",
        "error",
        "head",
        "started",
        "status",
    )

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        super().__init__(connection)
        self.head = head
        self.body = RequestBody(connection, head) if head.length else None
        self.status = 0
        self.started = monotonic()
        self.ended = 0.0
        self.error: BaseException | None = None
        self._answer: Answer | None = None
        self._beats: Deadlines[Exchange] | None = None
        self._mark = 0
        self._in_first_step = False
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
        self._in_first_step = True
        task = eager.start(self._run(), self.connection.loop)
        self._in_first_step = False
        if self.outcome is None:
            self._task = task
            self.flush_head()
            self.connection.shared.stream_deadlines.start(self)
        elif task is not None:
            task.cancel()

    async def _run(self) -> None:
        try:
            answer = await self.connection.shared.handler(self)
            if isinstance(answer.body, bytes):
                self._prepare(answer)
                self.write(answer.body)
                self.end()
            elif hasattr(answer.body, "attach"):
                self._attach(answer)
            else:
                await (self._pull if hasattr(answer.body, "__aiter__") else self._copy)(answer)
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
        shared = self.connection.shared
        body = self.body
        may_keep = self.head.keep_alive and not shared.draining and (not body or body.is_short)
        framed = frame(self.head, answer, shared.date(), may_keep)
        self._unsent_head, self._framing, self._left, self._keep_alive = framed
        self.status = answer.status
        if not self._in_first_step:
            self.connection.loop.call_soon(self.flush_head)
        return self._framing != "none"

    async def _pull(self, answer: Answer) -> None:
        # Its iterator is what must be closed: not every iterable is its own.
        pieces, encode = aiter(answer.body), answer.encode
        connection = self.connection
        try:
            if not self._begin(answer):
                return
            async for piece in pieces:
                self.write(encode(piece) if encode is not None else piece)
                if connection.paused:
                    await connection.drained()
        finally:
            # Here and now, in this task, not whenever the collector comes by.
            if (close := getattr(pieces, "aclose", None)) is not None:
                await close()

    async def _copy(self, answer: Answer) -> None:
        body = answer.body
        if not isinstance(body, FileRegion):
            raise TypeError(f"a body is bytes, a file, a stream or iterable, not {body!r}")
        with body.file:
            if self._prepare(answer):
                self.flush_head()
                await send_file(self, body)

    def _attach(self, answer: Answer) -> None:
        if self._begin(answer):
            # Whoever keeps the request has its fields; of 100,000 idle streams few do.
            self.head = self.head._replace(fields=[])
            try:
                answer.body.attach(self, answer.encode)
            except BaseException:
                self._tell(answer, "cancelled")
                raise
        else:
            self._tell(answer, "cancelled")
            self.end()

    def _begin(self, answer: Answer) -> bool:
        """Prepare the head of a stream, and what keeps the stream alive and ends it."""
        if not self._prepare(answer):
            return False
        self._answer = answer
        if answer.endless is not None:
            self._beats = self.connection.shared.beats(answer.endless.interval)
            self._beats.start(self)
            if self.connection.shared.draining:
                self.connection.loop.call_soon(self.end_early, Outcome.DRAINED)
        return True

    def beat(self) -> None:
        """Send a heartbeat if nothing was sent since the last call."""
        answer = self._answer
        if self.outcome is None and self._beats is not None and answer is not None:
            if self._mark == self.bytes_sent and not self.connection.paused and answer.endless:
                self.write(answer.endless.beat)
            self._mark = self.bytes_sent
            self._beats.start(self)

    def drained(self) -> None:
        """The client has room again: tell a push body."""
        self._tell(self._answer, "drained")

    def _tell(self, answer: Answer | None, event: Literal["drained", "cancelled"]) -> None:
        """Tell a push body; what its hooks raise must not hurt other exchanges."""
        if answer is not None and hasattr(answer.body, "attach"):
            try:
                if event == "drained":
                    answer.body.drained()
                else:
                    answer.body.cancelled(self)
            except Exception:
                log.exception("%s %s: a stream that was %s failed", *self._name, event)

    # The ways it may end

    def end(self) -> None:
        """The body is whole: send what tells the client so."""
        if self.outcome is None:
            if self._framing == "length" and self._left:
                return self.fail(ValueError(f"{self._left} bytes of Content-Length are missing"))
            self._end_properly(Outcome.COMPLETE)

    def fail(self, error: BaseException) -> None:
        """The producer failed: an error answer while no head is out, else the stream is cut."""
        if self.outcome is not None:
            return
        self.error = error
        if not isinstance(error, HTTPError):
            log.error("%s %s failed", *self._name, exc_info=error)
            error = HTTPError(500, "the server failed to answer this request")
        if self.status and not self._unsent_head:
            return self.cut(Outcome.TRUNCATED)
        refused = self.body is not None and self.body.error is error
        self.reject(error, Outcome.REJECTED if refused else Outcome.COMPLETE)

    def reject(self, error: HTTPError, outcome: Outcome = Outcome.REJECTED) -> None:
        """Answer with an error, instead of a head that has not left yet."""
        try:
            answer = Problem(error)
            if outcome is Outcome.REJECTED:
                answer.headers["connection"] = "close"
            self._prepare(answer)
        except (TypeError, ValueError):
            log.exception("%r cannot be sent as a problem", error)
            answer = Problem(HTTPError(500, "the server failed to answer this request"))
            self._prepare(answer)
        self.write(answer.body)
        self._end_properly(outcome)

    def cut(self, outcome: Outcome) -> None:
        """End without what would tell the client that the body is whole."""
        if self.outcome is None:
            # A FIN is the proper end of a close-delimited body: only a reset tells the truth.
            reset = self._framing == "close" or outcome is Outcome.STALLED
            self.abandon(outcome)
            self.connection.cut(reset)

    def end_early(self, outcome: Outcome) -> bool:
        """End an endless body properly; False if it is not endless, or not yet begun."""
        answer = self._answer
        if self.outcome is not None or answer is None or answer.endless is None:
            return False
        self.write(answer.endless.farewell())
        self._keep_alive = False
        self._write_end()
        self.abandon(outcome)
        self.connection.exchange_ended(self, False)
        return True

    def expire(self) -> None:
        """The response has outlived ``max_stream``."""
        if not self.end_early(Outcome.EXPIRED):
            self.cut(Outcome.EXPIRED)

    def abandon(self, outcome: Outcome) -> None:
        """Nobody will read any more: stop whoever writes."""
        if self.outcome is not None:
            return
        task, self._task = self._task, None
        answer = self._answer
        self._finish(outcome)
        if task is not None:
            task.cancel()
        else:
            self._tell(answer, "cancelled")

    def _end_properly(self, outcome: Outcome) -> None:
        self._write_end()
        self._finish(outcome)
        self.connection.exchange_ended(self, self._keep_alive)

    def _finish(self, outcome: Outcome) -> None:
        shared = self.connection.shared
        self.outcome = outcome
        self.ended = monotonic()
        shared.stream_deadlines.stop(self)
        if self._beats is not None:
            self._beats.stop(self)
            self._beats = None
        self._answer = None
        if shared.observer is not None:
            shared.observer(self)
