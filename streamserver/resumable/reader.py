"""A reader of an answer: a subscriber of its log, with the ends of an answer."""

from collections.abc import Sequence

from streamserver.feed.log import Entry
from streamserver.feed.subscribers import HTTPSubscriber
from streamserver.feed.topic import Start
from streamserver.proxy.failures import cut_later
from streamserver.resumable.ports import Store
from streamserver.server.exchange import Exchange
from streamserver.wire.problem import HTTPError


def has_failed(last: Entry) -> bool:
    """Whether the last entry of a log is an error event. That of a complete answer is empty or an
    unfinished event, so that no client dispatches an event for it."""
    return last.data.endswith(b"\n\n")


def is_at_end(position: str, last: Entry) -> bool:
    """Whether a client at this position has read all before the end, and the error event."""
    return position == last.id or (position == last.previous and not has_failed(last))


class Reader(HTTPSubscriber):
    """The body of one response: the upstream's events with ids, and nothing else.

    Official clients dispatch an event for each blank line once they have read an id, so neither
    the position at the start nor a reconnection time is sent.
    """

    __slots__ = ("_id", "_is_joined", "_last", "_store")

    is_relayed = True
    """For ``compress``, which leaves the body of an upstream alone unless asked."""

    def __init__(self, store: Store, id: str, position: str | Start) -> None:
        super().__init__(store.topic(id), position, retry=None, lagging="gap")
        self._store = store
        self._id = id
        self._is_joined = False
        self._last: Entry | None = None

    def attach(self, exchange: Exchange, encode_item: object) -> None:
        """As ``HTTPSubscriber.attach``; the answer has a reader more."""
        if self.position is Start.BEGINNING and not self._store.is_shared:
            self.offset = self.topic.log.start  # a log in memory is whole
        super().attach(exchange, encode_item)
        if exchange.outcome is None:
            self._is_joined = True
            self._store.joined(self._id)

    def cancelled(self, exchange: Exchange) -> None:
        """As ``HTTPSubscriber.cancelled``; the answer has a reader less."""
        super().cancelled(exchange)
        if self._is_joined:
            self._is_joined = False
            self._store.left(self._id)

    def on_entries(self, entries: Sequence[Entry]) -> None:
        """As ``HTTPSubscriber.on_entries``; a last entry without an event is not sent."""
        last = entries[-1]
        if last.is_last:
            self._last = last
            if last.size == len(last.id) + len(b"id: \n"):
                entries = entries[:-1]
        if entries:
            super().on_entries(entries)

    def on_end(self) -> None:
        """Complete the response, or cut it ``LINGER`` after an error event."""
        last = self._last or self.topic.log.newest
        if last is None or not has_failed(last):
            return super().on_end()
        error = HTTPError(502, "the answer has failed")
        cut_later(self.exchange, error)

    def on_start(self, id: str) -> None:
        """Send nothing."""

    def on_gap(self, after: str, before: str, first: str | None) -> None:
        """Cut the response: events that this reader has not received are lost."""
        self._observe("gap")
        self.exchange.fail(HTTPError(502, "events of the answer are lost"))
