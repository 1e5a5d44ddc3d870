"""The replicas of one service, and which of them gets a request.

It is the one with the fewest open streams among those that are available, because streams differ in
length: counting requests would load the replica that has the long ones. If none is available, every
replica that has failed is tried before the client gets an error, because a wrong exclusion must not
cost a request: in the same order, and then by the end of their exclusions. Only a replica that has
sent a Retry-After gets no request before that time.
"""

from collections.abc import Collection, Sequence
from math import ceil
from random import Random
from typing import NamedTuple

from streamserver.proxy.replica import Replica
from streamserver.wire.problem import HTTPError


class Place(NamedTuple):
    """One of the open streams of a replica."""

    replica: Replica
    number: int
    """Of the state of its health when the request was sent."""


class Group:
    """``replicas`` of one service, in the order of their URLs. ``repeats_refused``: whether a
    request of any method is sent to another replica if one refuses it."""

    is_limited = False
    """Whether a request may have to wait for its place."""
    longest_wait = 0.0
    """Seconds that it waits there at a time."""

    def __init__(
        self,
        replicas: Sequence[Replica],
        repeats_refused: bool = False,
        random: Random | None = None,
    ) -> None:
        self.replicas = tuple(replicas)
        self.repeats_refused = repeats_refused
        self._random = random or Random()

    def candidates(self, now: float, tried: Collection[Replica] = ()) -> list[Replica]:
        """The replicas that may get a request, the best one first. ``tried``: it failed there."""
        left = [each for each in self.replicas if each not in tried]
        if len(self.replicas) == 1:  # there is no other one
            return left
        best = [each for each in left if each.health.is_available(now)]
        if best:
            self._random.shuffle(best)
            return sorted(best, key=lambda each: each.open)
        allowed = [each for each in left if not each.health.is_barred(now)]
        return sorted(allowed, key=lambda each: (each.open, each.health.until))

    def enter(self, now: float, tried: Collection[Replica] = ()) -> Place | None:
        """Choose a replica, and count a stream there; None if the request has to ``wait``.
        HTTPError 503 if no replica may be tried."""
        candidates = self.candidates(now, tried)
        if not candidates:
            raise self._unavailable(now)
        return self._take(candidates, now)

    def _take(self, candidates: Sequence[Replica], now: float) -> Place | None:
        """A place at one of these."""
        return self._place(candidates[0], now)

    @staticmethod
    def _place(replica: Replica, now: float) -> Place:
        replica.open += 1
        replica.requests += 1
        return Place(replica, replica.health.begin(now))

    async def wait(self, client: str) -> Place:
        """Wait for a place, of a group that ``is_limited``. ``client``: to be fair between them, as
        in the access log. HTTPError 503 if too many wait, or after too long."""
        raise NotImplementedError

    def leave(self, place: Place) -> None:
        """The stream has ended."""
        place.replica.open -= 1
        place.replica.health.abandon(place.number)

    def close(self) -> None:
        """The listener has closed."""

    def _unavailable(self, now: float) -> HTTPError:
        """The 503 while every replica has asked for no further request."""
        seconds = min(each.health.until for each in self.replicas) - now
        retry_after = str(max(ceil(seconds), 1))
        detail = "every upstream has sent a Retry-After"
        return HTTPError(503, detail, headers={"Retry-After": retry_after})
