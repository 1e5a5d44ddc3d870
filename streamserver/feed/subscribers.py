"""The two kinds of subscribers: the body of an HTTP response, and an iterator in this process."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Literal

from streamserver.feed.coded_blocks import BlockCoder, block_coder
from streamserver.feed.log import Entry
from streamserver.feed.topic import Start, Subscriber, Topic
from streamserver.server.exchange import Exchange
from streamserver.server.observer import FeedEvent
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import encode as encode_chunk
from streamserver.wire.content_coding import Coder, Coding
from streamserver.wire.json_text import to_json
from streamserver.wire.sse import Event, encode

Lagging = Literal["gap", "cut"]
"""What happens to a slow client when entries that it has not received leave the log: it gets a
``gap`` event and continues, or its connection is cut."""


def gap_event(after: str, before: str, first: str | None) -> Event:
    """Reports lost events; its id is the position after them."""
    data = to_json({"after": after, "first": first})
    return Event(data, event="gap", id=before)


class HTTPSubscriber(Subscriber):
    """The push body of one event stream, with no task and no queue.

    While its client is slow, a subscriber stays where it is in the log. It continues from there
    when the client has room. ``retry``: milliseconds after which the client reconnects.
    """

    __slots__ = ("_coder", "_lagging", "_retry", "exchange")

    exchange: Exchange
    _coder: BlockCoder | None

    def __init__(
        self, topic: Topic, position: str | Start, retry: int | None, lagging: Lagging
    ) -> None:
        super().__init__(topic, position)
        self._retry = retry
        self._lagging = lagging

    def is_ready(self) -> bool:
        """Whether the client has room."""
        return not self.exchange.connection.paused and self.exchange.outcome is None

    def on_entries(self, entries: Sequence[Entry]) -> None:
        """Send them in one write."""
        exchange = self.exchange
        newest = entries[-1]
        self.position = newest.id
        if not exchange.is_chunked:
            self._write_encoded(entries)
        elif len(entries) == 1:
            exchange.write_chunks(newest.chunk, newest.size)
        else:
            chunks = b"".join([entry.chunk for entry in entries])
            exchange.write_chunks(chunks, sum([entry.size for entry in entries]))

    def _write_encoded(self, entries: Sequence[Entry]) -> None:
        """Send them as the blocks of a content coding, or without chunks over HTTP/1.0."""
        exchange, coder = self.exchange, self._coder
        if coder is None:
            return exchange.write(b"".join([entry.data for entry in entries]))
        parts, size = [], 0
        if header := coder.begin():
            parts.append(encode_chunk(header))
            size = len(header)
        for entry in entries:
            data, chunk, more = entry.coded(coder)
            coder.count(data)
            parts.append(chunk)
            size += more
        exchange.write_chunks(b"".join(parts), size)

    def on_end(self) -> None:
        """Complete the response."""
        self.cancelled(self.exchange)  # the engine calls it only for other ends
        self.exchange.end()

    def on_error(self, error: Exception) -> None:
        """Cut the response, so that the client detects that events are missing."""
        self.exchange.fail(error)

    def on_start(self, id: str) -> None:
        """Send the position: a client that is cut before its first event resumes from it. An id
        without data dispatches no event (WHATWG HTML, section 9.2.6)."""
        self.exchange.write(encode(Event(id=id, retry=self._retry)))

    def on_gap(self, after: str, before: str, first: str | None) -> None:
        """Send a ``gap`` event, or cut a lagging client if ``lagging`` says so."""
        self._observe("gap")
        if self.offset and self._lagging == "cut":
            return self.exchange.cut(Outcome.STALLED)
        self.exchange.write(encode(gap_event(after, before, first)))

    @staticmethod
    def make_coder(coding: Coding) -> Coder:
        """Called by ``compress``: the coder of a body in blocks that other readers have too."""
        return block_coder(coding)

    def attach(self, exchange: Exchange, encode_item: object) -> None:
        """Called by the engine after the head."""
        self.exchange = exchange
        self._coder = exchange.coder if isinstance(exchange.coder, BlockCoder) else None
        if self._retry is not None and isinstance(self.position, str):
            exchange.write(encode(Event(retry=self._retry)))
        self._observe("joined")
        self.topic.subscribe(self)

    def drained(self) -> None:
        """Called by the engine when the client has room again."""
        if self.offset:
            self._observe("lagged", self.topic.log.end - self.offset)
        self.deliver()

    def flushed(self) -> None:
        """Called by the engine before it ends the response early: with many subscribers, new
        entries may not have reached this one."""
        self.deliver()

    def cancelled(self, exchange: Exchange) -> None:
        """Called by the engine when the exchange has ended."""
        if self.topic.unsubscribe(self):
            self._observe("left")

    def _observe(self, event: FeedEvent, behind: int = 0) -> None:
        self.exchange.server.observer.feed(event, behind)


class AnnouncedSubscriber(HTTPSubscriber):
    """An ``HTTPSubscriber`` that starts with an event of the type ``position``.

    A script in a browser sees only events with data, so without it a script that has received no
    event has no position. Its EventSource has one, but does not reveal it.
    """

    __slots__ = ()

    def on_start(self, id: str) -> None:
        """Send the position as the id of an event whose data is empty."""
        event = Event("", event="position", id=id, retry=self._retry)
        self.exchange.write(encode(event))


class LocalSubscriber(Subscriber):
    """An iterator over the new events of a topic, for this process.

    It holds one batch at most; while that is being consumed it stays where it is in the log.
    """

    __slots__ = ("_changed", "_end", "_events")

    def __init__(self, topic: Topic) -> None:
        super().__init__(topic, Start.NEW)
        self._events: deque[Event] = deque()
        self._end: Exception | None = None  # raised after the last event
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Subscribe, and wait until the position is known."""
        self.topic.subscribe(self)
        await self._changed.wait()

    def close(self) -> None:
        """Unsubscribe and end the iteration."""
        self.topic.unsubscribe(self)
        self.on_end()

    def __aiter__(self) -> "LocalSubscriber":
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._end is not None:
                raise self._end
            self._changed.clear()
            self.deliver()
            if not self._changed.is_set():
                await self._changed.wait()
            elif self.offset != self.topic.log.end:
                await asyncio.sleep(0)  # a backlog: other tasks run after each batch
        return self._events.popleft()

    def is_ready(self) -> bool:
        """Whether the last batch was consumed."""
        return not self._events and self._end is None

    def on_entries(self, entries: Sequence[Entry]) -> None:
        """Hold them for the iterator."""
        self.position = entries[-1].id
        self._events.extend([entry.event() for entry in entries])
        self._changed.set()

    def on_gap(self, after: str, before: str, first: str | None) -> None:
        """Hold a ``gap`` event, as over HTTP."""
        self._events.append(gap_event(after, before, first))
        self._changed.set()

    def on_end(self) -> None:
        """End the iteration."""
        self.on_error(StopAsyncIteration())

    def on_error(self, error: Exception) -> None:
        """Raise the error after the events that are held."""
        self._end = self._end or error
        self._changed.set()

    def on_start(self, id: str) -> None:
        """The iterator misses no event after this one."""
        self._changed.set()
