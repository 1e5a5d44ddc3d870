"""What the engine and those above it tell whoever watches: the log, the metrics, a test.

The engine counts nothing itself. It says what happens where it happens, and an observer makes
of it what it likes; one that leaves a method as it is here pays for a call that does nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from streamserver.server.exchange import Exchange

UpstreamEvent = Literal["connect", "reuse", "retry", "failure"]
"""A connection to an upstream was opened, or taken from those that are kept; a request was sent
again; an upstream did not answer as it should."""


FeedEvent = Literal["joined", "left", "gap", "lagged"]
"""A reader follows a feed, or does no longer; it was told that events are missing; it goes on after
its client was slow."""


class Observer:
    """Told of what happens in a listener. None of it may raise or block."""

    __slots__ = ()

    sees_streams = False
    """Whether ``began`` and ``wrote`` are called, which takes a look at each piece."""

    def began(self, exchange: "Exchange") -> None:
        """The body of this exchange is a stream, and has just begun."""

    def wrote(self, exchange: "Exchange", size: int, gap: float) -> None:
        """So many bytes of a body were handed to the socket, so many seconds after those before
        them; less than 0 for the first."""

    def ended(self, exchange: "Exchange") -> None:
        """This exchange has ended: told once of each, also of one whose head was no request."""

    def refused(self) -> None:
        """A connection was not admitted, since too many are open."""

    def write_stalled(self) -> None:
        """A client has so much to take that its producer must wait."""

    def upstream(self, event: UpstreamEvent) -> None:
        """Something happened between a relay and its upstream."""

    def feed(self, event: FeedEvent, behind: int = 0) -> None:
        """Something happened to a reader of a feed; ``behind``: how many events it has lagged."""

    def late(self, seconds: float) -> None:
        """An event that was to be sent at a time of its own was sent so many seconds later; of
        several observers those are told who also see streams."""

    def closed(self) -> None:
        """The listener has closed: there is nothing more to tell."""


class Several(Observer):
    """Tells each of ``observers``, in their order."""

    __slots__ = ("_observers", "_viewers", "sees_streams")

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._viewers = [observer for observer in observers if observer.sees_streams]
        self.sees_streams = bool(self._viewers)

    def began(self, exchange: "Exchange") -> None:
        """As ``Observer`` has it, and so below."""
        for observer in self._viewers:
            observer.began(exchange)

    def wrote(self, exchange: "Exchange", size: int, gap: float) -> None:
        """For those alone who want to know."""
        for observer in self._viewers:
            observer.wrote(exchange, size, gap)

    def ended(self, exchange: "Exchange") -> None:
        """For all."""
        for observer in self._observers:
            observer.ended(exchange)

    def refused(self) -> None:
        """For all."""
        for observer in self._observers:
            observer.refused()

    def write_stalled(self) -> None:
        """For all."""
        for observer in self._observers:
            observer.write_stalled()

    def upstream(self, event: UpstreamEvent) -> None:
        """For all."""
        for observer in self._observers:
            observer.upstream(event)

    def feed(self, event: FeedEvent, behind: int = 0) -> None:
        """For all."""
        for observer in self._observers:
            observer.feed(event, behind)

    def late(self, seconds: float) -> None:
        """For those who look at each piece."""
        for observer in self._viewers:
            observer.late(seconds)

    def closed(self) -> None:
        """For all."""
        for observer in self._observers:
            observer.closed()
