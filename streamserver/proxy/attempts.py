"""The attempts of one request at the replicas of a group.

Each replica is tried once, or again after a wait in the queue. A further attempt may follow as long
as no byte of a head has reached the client, if nothing of the request was sent, or if it may be
repeated. A proxy must not repeat any other request by itself (RFC 9110, section 9.2.2): the replica
may have carried it out before it failed.
"""

import time

from streamserver.proxy.addressing import readdressed
from streamserver.proxy.group import Group, Place
from streamserver.proxy.pool import Pool
from streamserver.proxy.ports import Parts
from streamserver.proxy.refusal import Refusal, delay_of
from streamserver.proxy.replica import Replica, is_fault
from streamserver.proxy.timing import Attributes, ms_since
from streamserver.proxy.upstream import UpstreamConnection
from streamserver.wire.response_heads import ResponseHead

REFUSALS = frozenset((429, 503))
"""Responses in place of which another replica is asked (RFC 6585, section 4; RFC 9110, section
15.6.4)."""


class Attempts:
    """``client``: as in the access log. ``is_repeatable``: whether the request may be sent again
    after a part of it was sent, and ``has_whole_body``: whether that is possible. ``is_final``:
    whether the client has received a byte of a head. ``refusal``: the last response that was set
    aside. ``waits_since``: when it began to wait for a place, 0 if it does not; ``queue_ms``: for
    how long it waited before."""

    __slots__ = (
        *("_client", "_group", "_name", "_place", "_tried", "has_whole_body", "is_final"),
        *("is_repeatable", "queue_ms", "refusal", "waits_since"),
    )

    def __init__(self, group: Group, client: str) -> None:
        self._group = group
        self._client = client
        self._tried: list[Replica] = []
        self._place: Place | None = None
        self._name = ""  # of the replica whose response the client gets
        self.has_whole_body = self.is_repeatable = self.is_final = False
        self.refusal: Refusal | None = None
        self.waits_since = self.queue_ms = 0.0

    @property
    def is_limited(self) -> bool:
        """As ``Group.is_limited``."""
        return self._group.is_limited

    @property
    def attributes(self) -> Attributes:
        """For the log: the time in the queue if it has waited, the replica, and the number of
        attempts if there were several."""
        count, queue_ms = len(self._tried), self.queue_ms
        if self.waits_since:
            queue_ms += ms_since(self.waits_since)
        waited = (("queue_ms", round(queue_ms, 2)),) if queue_ms else ()
        named = (("upstream", self._name),) if count else ()
        return (*waited, *named, *((("attempts", count),) if count > 1 else ()))

    def begin(self, request: bytes) -> tuple[Pool, bytes] | None:
        """Choose a replica: its pool, and the request as it is sent there; None if the request has
        to ``wait``. HTTPError 503 if no replica may be tried. ``request``: as it was sent to the
        one before."""
        self.leave()
        place = self._group.enter(time.monotonic(), self._tried)
        return None if place is None else self._enter(place, request)

    async def wait(self, request: bytes) -> tuple[Pool, bytes]:
        """As ``begin``, after ``Group.wait``."""
        self.waits_since = time.monotonic()
        try:
            place = await self._group.wait(self._client)
        finally:
            self.queue_ms += ms_since(self.waits_since)
            self.waits_since = 0.0
        # It may have failed there before, when there was no other with room: it waits again if it
        # fails again, but not without end.
        has_time = self.queue_ms < self._group.longest_wait * 1000
        self.is_final |= place.replica in self._tried and not has_time
        return self._enter(place, request)

    def _enter(self, place: Place, request: bytes) -> tuple[Pool, bytes]:
        self._place, replica = place, place.replica
        before = self._tried[-1] if self._tried else self._group.replicas[0]
        self._tried.append(replica)
        self._name = replica.name
        return replica.pool, readdressed(request, before.origin, replica.origin)

    def leave(self) -> None:
        """The stream to the present replica has ended."""
        place, self._place = self._place, None
        if place is not None:
            self._group.leave(place)

    def end(self) -> None:
        """The request has ended."""
        self.leave()
        self.drop_refusal()

    # Results

    def fail(self, error: Exception, is_sent: bool) -> None:
        """The present replica has sent no valid head."""
        if self._place is not None and is_fault(error):
            replica, number = self._place
            replica.fail(number, time.monotonic(), error.detail, is_sent, error.__cause__)

    def on_head(self, head: ResponseHead) -> bool:
        """The present replica has responded; whether it refuses the request, and another is to be
        asked in its place."""
        if self._place is None:  # a refusal that was set aside
            return False
        replica, number = self._place
        is_refusal = head.status in REFUSALS
        now = time.monotonic()
        delay = delay_of(head, time.time()) if is_refusal else None
        if delay:
            replica.refuse(now, delay, f"it responded with {head.status} and Retry-After")
        elif head.status == 503 and delay is None:
            replica.fail(number, now, "it responded with 503", is_sent=True)
        else:
            replica.succeed(number)
        may_repeat = self.is_repeatable or (self._group.repeats_refused and self.has_whole_body)
        return is_refusal and may_repeat and self.has_next(now)

    def may_follow(self, is_sent: bool) -> bool:
        """Whether another attempt may follow one that has failed."""
        return (self.is_repeatable or not is_sent) and self.has_next(time.monotonic())

    def has_next(self, now: float) -> bool:
        """Whether another replica may be tried."""
        return not self.is_final and bool(self._group.candidates(now, self._tried))

    # Refusals

    def set_aside(self, upstream: UpstreamConnection | None, parts: Parts) -> None:
        """Keep a refusal, in case that no other replica responds."""
        self.drop_refusal()
        self.refusal = Refusal(self._tried[-1], upstream, parts)

    def take_refusal(self) -> Refusal | None:
        """The refusal that was kept, for the client."""
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            self.leave()
            self._name = refusal.replica.name
        return refusal

    def drop_refusal(self) -> None:
        """Another response is sent in place of it, or none."""
        refusal, self.refusal = self.refusal, None
        if refusal is not None:
            refusal.drop()
