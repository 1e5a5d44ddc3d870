"""A request to the upstream that may be sent again: on a new connection, or to another replica.

A pooled connection that the upstream closes while a request is on its way to it is not a failure of
the upstream: the request is sent once more, on a new connection, if it may be repeated. In a group,
``attempts`` decides whether another replica gets a request that one has failed or refused.
"""

from streamserver.proxy.attempts import Attempts
from streamserver.proxy.fair_queue import Refused
from streamserver.proxy.phase import AWAITING_HEAD, BEFORE_HEAD, CONNECTING, ENDED
from streamserver.proxy.ports import Parts
from streamserver.proxy.refusal import Refusal
from streamserver.proxy.replica import is_fault
from streamserver.proxy.request import RelayedRequest
from streamserver.proxy.upstream import CLOSED
from streamserver.server import eager
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead


class RepeatedRequest(RelayedRequest):
    """A relayed request, with the attempts that follow one that has failed."""

    __slots__ = ()

    def _choose(self, attempts: Attempts) -> bool:
        try:
            chosen = attempts.begin(self._request)
        except HTTPError as error:
            self._give_up(attempts, error)
            return False
        if chosen is None:
            self._connecting = eager.start(self._wait(attempts), self._state.loop)
            return False
        if attempts.is_limited:
            self.server.observer.queued(0.0, "served")
        self._pool, self._request = chosen
        return True

    async def _wait(self, attempts: Attempts) -> None:
        """Wait for a place in the group, then send the request."""
        try:
            self._pool, self._request = await attempts.wait(self._request)
        except Exception as error:
            self._connecting = None
            if isinstance(error, Refused):
                self.server.observer.queued(attempts.queue_ms / 1000, error.reason)
            return self._give_up(attempts, error)
        self.server.observer.queued(attempts.queue_ms / 1000, "served")
        upstream = self._pool.acquire()
        if upstream is None:
            return await self._connect()
        self._connecting = None
        self._send(upstream)

    def _end_attempts(self, attempts: Attempts) -> None:
        attempts.end()

    def on_failure(self, error: HTTPError) -> None:
        """The connection failed; a stale one is replaced if the request may be repeated."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None and upstream.is_reused and not upstream.has_responded:
            error = HTTPError(502, CLOSED)
            if self._may_repeat:
                self._may_repeat = False
                self._report("retry")
                self._enter(CONNECTING)
                return self._reconnect()
            self._follow(error, is_sent=True)
        elif self.phase in BEFORE_HEAD:
            self._fail_attempt(error)
        else:
            self.fail(error)

    def on_late(self) -> None:
        """The upstream has sent no head in time, or has taken no more of the request."""
        self._fail_attempt(HTTPError(504, "the upstream did not respond in time"))

    def _fail_attempt(self, error: Exception, is_sent: bool = True) -> None:
        if self._attempts is not None:
            self._attempts.fail(error, is_sent)
        elif is_fault(error):
            self._state.replicas[0].note_failure(error.detail, is_sent)
        self._follow(error, is_sent)

    def _follow(self, error: Exception, is_sent: bool) -> None:
        """Send the request to another replica if it may be; else it ends, with the refusal of an
        earlier one, or with this error."""
        attempts = self._attempts
        if attempts is None or self.phase is ENDED:
            return self.fail(error)
        if attempts.may_follow(is_sent):
            self._report("failure")
            self._continue(attempts)
        else:
            self._give_up(attempts, error)

    def _give_up(self, attempts: Attempts, error: Exception) -> None:
        if (refusal := attempts.take_refusal()) is not None:
            self._report("failure")
            self._pass_on(refusal)
        else:
            self.fail(error)

    def _continue(self, attempts: Attempts) -> None:
        """Begin another attempt, on a new connection, because a stale one would cost time."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()
        self._report("retry")
        if self.phase is not CONNECTING:
            self._enter(CONNECTING)
        self._connect_ms = None
        if self._choose(attempts):
            # Later, because this may be called by the task that connects.
            self._state.loop.call_soon(self._reconnect)

    def _reconnect(self) -> None:
        if self.phase is CONNECTING:  # else it was stopped
            self._connecting = eager.start(self._connect(), self._state.loop)

    # Refusals

    def _replace(self, attempts: Attempts, parts: Parts) -> bool:
        heads = [part for part in parts if isinstance(part, ResponseHead) and part.status >= 200]
        if not heads or not attempts.on_head(heads[0]):
            return False
        upstream, self._upstream = self._upstream, None
        if upstream is not None and isinstance(parts[-1], End):
            upstream.abort()
            upstream = None
        attempts.set_aside(upstream, parts)
        self._continue(attempts)
        return True

    def _pass_on(self, refusal: Refusal) -> None:
        """Pass a kept refusal to the client, like a response that has just arrived."""
        upstream, self._upstream = self._upstream, refusal.upstream
        self._pool = refusal.replica.pool  # the connection belongs to it
        if upstream is not None:
            upstream.abort()
        if self._upstream is not None:
            self._upstream.receiver = self
        self._enter(AWAITING_HEAD)
        self.on_response(refusal.parts)
        if refusal.error is not None and self.phase is not ENDED:
            self.on_failure(refusal.error)
