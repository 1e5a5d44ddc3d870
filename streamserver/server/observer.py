"""The events that the engine and the rooms above it report to a log, to metrics, or to a test."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

UpstreamEvent = Literal["connect", "reuse", "retry", "failure"]
"""A connection to an upstream was opened, or taken from the idle ones; a request was sent again;
an upstream did not answer as it should."""

QueueEnd = Literal["served", "full", "late"]
"""A request got its upstream; it was refused, because too many waited, or because it has waited too
long."""

FeedEvent = Literal["joined", "left", "gap", "lagged"]
"""A reader follows a feed, or no longer does; events were missing for it; it continues after its
client was slow."""


class Observer:
    """Called with the events of a listener. No method may raise or block.

    Of an ``Exchange`` that has ended an observer may read ``method``, ``target``, ``client``,
    ``status`` (0 if no head was made), ``outcome``, ``error``, ``bytes_sent``, ``route``,
    ``attributes``, ``id``, and the times ``started``, ``first_byte`` (0 if no body was sent) and
    ``ended`` in seconds of ``time.monotonic``. The head of its request has the ``fields`` that the
    observer names.
    """

    __slots__ = ()

    fields: frozenset[str] = frozenset()
    """Names of the request's fields that are kept until the exchange has ended."""

    sees_streams = False
    """Whether ``began`` and ``wrote`` are called, which costs a call for each piece."""

    def began(self, exchange: Any) -> None:
        """The body of this exchange is a stream, and has just begun."""

    def wrote(self, exchange: Any, size: int, gap: float) -> None:
        """``size`` bytes of a body were written, ``gap`` seconds after those before them; less
        than 0 for the first."""

    def ended(self, exchange: Any) -> None:
        """This exchange has ended: called once for each, also where the head was no request."""

    def refused(self) -> None:
        """A connection was not admitted, because too many are open."""

    def write_stalled(self) -> None:
        """So much waits for a client that its producer must wait."""

    def upstream(self, event: UpstreamEvent) -> None:
        """An event between a relay and its upstream."""

    def queued(self, seconds: float, end: QueueEnd) -> None:
        """A request has waited so many seconds for an upstream with a limit, perhaps none."""

    def feed(self, event: FeedEvent, behind: int = 0) -> None:
        """An event of a feed's reader; ``behind``: how many events it has lagged."""

    def late(self, seconds: float) -> None:
        """An event with a planned time was sent so many seconds later. Of several observers,
        only those that see streams are called."""

    def loop_delays(self, delays: Sequence[float]) -> None:
        """How late the event loop was for events at evenly spaced moments, in seconds. Of several
        observers, only those that see streams are called. In another thread than the loop's."""

    def closed(self) -> None:
        """The listener has closed: no event follows."""


class Several(Observer):
    """Calls each of ``observers``, in their order."""

    __slots__ = ("__dict__",)

    def __init__(self, observers: Sequence[Observer]) -> None:
        viewers = [observer for observer in observers if observer.sees_streams]
        self.sees_streams = bool(viewers)
        self.fields = frozenset[str]().union(*(observer.fields for observer in observers))
        for name in ("ended", "refused", "write_stalled", "upstream", "queued", "feed", "closed"):
            setattr(self, name, _each(observers, name))
        for name in ("began", "wrote", "late", "loop_delays"):
            setattr(self, name, _each(viewers, name))


def _each(observers: Sequence[Observer], name: str) -> Callable[..., None]:
    methods = [getattr(observer, name) for observer in observers]

    def call(*arguments: object) -> None:
        for method in methods:
            method(*arguments)

    return call
