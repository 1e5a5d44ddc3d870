"""A subscriber over HTTP: the body of an event stream that follows a topic.

It is a push body. A publish writes to each reader in one loop, with no task and no queue between
them. While its client is slow a reader just stays where it is in the log, and once there is room
it goes on from there. Only when the log has moved past it does it miss anything, and then it says
so, once.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from streamserver.feed.cursor import Cursor, Start
from streamserver.feed.log import Entry
from streamserver.server.exchange import Exchange
from streamserver.server.observer import FeedEvent
from streamserver.server.phase import Outcome
from streamserver.wire.sse import Event, encode

if TYPE_CHECKING:
    from streamserver.feed.topic import Topic

Lagging = Literal["gap", "cut"]
"""What becomes of a reader that the log has moved past while its client was slow: it is told of
the gap and goes on, or its connection is cut."""


class Reader(Cursor):
    """The body of one response. ``retry``: milliseconds until its client shall reconnect."""

    __slots__ = ("_lagging", "_retry", "exchange")

    exchange: Exchange

    def __init__(
        self, topic: "Topic", position: str | Start, retry: int | None, lagging: Lagging
    ) -> None:
        super().__init__(topic, position)
        self._retry = retry
        self._lagging = lagging

    def is_ready(self) -> bool:
        """Whether the client has room."""
        return not self.exchange.connection.paused and self.exchange.outcome is None

    def take(self, entries: Sequence[Entry]) -> None:
        """Send these events in one write."""
        exchange = self.exchange
        newest = entries[-1]
        self.position = newest.id
        if not exchange.is_chunked:
            exchange.write(b"".join([entry.data for entry in entries]))
        elif len(entries) == 1:
            exchange.write_chunks(newest.chunk, newest.size)
        else:
            chunks = b"".join([entry.chunk for entry in entries])
            exchange.write_chunks(chunks, sum([entry.size for entry in entries]))

    def ends(self) -> None:
        """The stream is whole."""
        self.cancelled(self.exchange)  # the engine tells only of ends that are not our own
        self.exchange.end()

    def fails(self, error: Exception) -> None:
        """The stream ends, cut, so that the client knows that something is missing."""
        self.exchange.fail(error)

    def starts(self, id: str) -> None:
        """Tell the client where it is, or one that is cut before its first event would come back
        with nothing to go on from. An id alone dispatches no event (WHATWG HTML, section 9.2.6).
        """
        self.exchange.write(encode(Event(id=id, retry=self._retry)))

    def misses(self, after: str, before: str, first: str | None) -> None:
        """Send the ``gap`` event; its id is the position from which it goes on."""
        self._tell("gap")
        if self.has_place and self._lagging == "cut":
            return self.exchange.cut(Outcome.STALLED)
        gap = Event({"after": after, "first": first}, event="gap", id=before)
        self.exchange.write(encode(gap))

    # What the engine calls

    def attach(self, exchange: Exchange, encode_item: object) -> None:
        """The head is out (for the engine)."""
        self.exchange = exchange
        if self._retry is not None and isinstance(self.position, str):
            exchange.write(encode(Event(retry=self._retry)))
        self._tell("joined")
        self.topic.join(self)

    def drained(self) -> None:
        """The client has room again (for the engine)."""
        if self.has_place:
            self._tell("lagged", self.topic.log.end - self.next)
        self.topic.go_on(self)

    def cancelled(self, exchange: Exchange) -> None:
        """Nobody reads any more (for the engine)."""
        if self.topic.leave(self):
            self._tell("left")

    def _tell(self, event: FeedEvent, behind: int = 0) -> None:
        self.exchange.server.observer.feed(event, behind)
