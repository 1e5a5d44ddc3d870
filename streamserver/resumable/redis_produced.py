"""What a process has of an answer that it produces: what Redis has not confirmed yet."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from streamserver.resumable.limits import Limits, too_large
from streamserver.resumable.ports import Producer, State
from streamserver.resumable.redis_calls import Call
from streamserver.resumable.redis_scripts import APPEND, DISCARD, END, OPEN, Script
from streamserver.resumable.redis_topic import LOG_IS_GONE, lost_event
from streamserver.resumable.redis_writer import BUFFERED, Writer
from streamserver.wire.problem import HTTPError

BATCH = 500
"""Events that one script adds at most."""

DISCARDED = 60_000
"""Milliseconds for which a discarded answer is remembered."""


class Produced:
    """An answer whose events are written by ``writer``; what is not confirmed is written again.

    ``is_followed_elsewhere``: whether another process has readers of it.
    ``is_over``: whether nothing is left to write; ``on_over`` is then called with the id.
    """

    def __init__(
        self,
        producer: Producer,
        keys: Sequence[str],
        limits: Limits,
        writer: Writer,
        on_over: Callable[[str], object],
    ) -> None:
        self.producer = producer
        self.keys = keys
        self._on_over = on_over
        self.is_followed_elsewhere = False
        self.is_over = False
        self.has_opened: asyncio.Future[None] | None = None
        self._unfinished = 0
        self._limits = limits
        self._writer = writer
        self._head = ""
        self._events: deque[bytes] = deque()
        self._number: int | str = 1  # of the first of the events, "" if Redis has lost earlier ones
        self._last: tuple[str, bytes] | None = None
        self._sent: tuple[Script, int] = OPEN, 0  # and how many of the events

    @property
    def id(self) -> str:
        """Of the answer."""
        return self.producer.record.id

    def open(self, head: str) -> "asyncio.Future[None]":
        """Write the head. The result is there when Redis has it."""
        self._head = head
        self.has_opened = asyncio.get_running_loop().create_future()
        self._writer.add(self)
        return self.has_opened

    def append(self, events: Sequence[bytes]) -> None:
        """Write events. ``Producer.abort`` if too many are not confirmed."""
        if self._last is not None or self.is_over:
            return
        if self._has_room(sum(map(len, events))):
            self._events.extend(events)
            self._writer.add(self)

    def hold_unfinished(self, size: int) -> None:
        """Count the bytes of the unfinished event."""
        if self._last is None and not self.is_over and self._has_room(size - self._unfinished):
            self._unfinished = size

    def _has_room(self, more: int) -> bool:
        """Count more bytes; the answer ends if there is no room."""
        if more > 0 and self._writer.buffered + more > BUFFERED:
            detail = f"at most {BUFFERED} bytes are held that Redis has not confirmed"
            self.producer.abort(HTTPError(503, detail))
            return False
        self._writer.buffered += more
        return True

    def end(self, state: State, event: bytes) -> None:
        """Write the last entry, after all events."""
        if self._last is None and not self.is_over:
            self._last = state.value, event
            self._writer.add(self)

    def discard(self) -> None:
        """Write that there is no answer."""
        self._last = "discarded", b""
        self._writer.add(self)

    def next_call(self) -> Call | None:
        """As ``Writing``."""
        if self.is_over:
            return None
        events = [] if self._head else list(islice(self._events, BATCH))
        call = self._call(events)
        if call is not None:
            self._sent = call.script, len(events)
        return call

    def _call(self, events: list[bytes]) -> Call | None:
        if self._last is not None and self._last[0] == "discarded":
            return Call(DISCARD, self.keys, [self.id, DISCARDED])
        if self._head:
            return Call(OPEN, self.keys, [self._head])
        if self._last is not None and len(events) == len(self._events):
            state, event = self._last
            keep = int(self._limits.keep * 1000)
            return Call(END, self.keys, [self.id, keep, state, self._number, event, *events])
        if not events:
            return None
        return Call(APPEND, self.keys, [self.id, self._limits.total, self._number, *events])

    def on_written(self, result: bytes) -> None:
        """As ``Writing``: drop what was written. Another result means that the answer was ended
        without this process, or that Redis has lost it."""
        if self.is_over:
            return
        script, count = self._sent
        end = result.decode()
        if end == "gap":
            return self._on_gap()
        self._drop(count)
        if isinstance(self._number, int):
            self._number += count
        if script is OPEN:
            self._head = ""
            self._resolve()
        if end == "full":
            self.producer.abort(too_large(self._limits.total))
        elif script in (END, DISCARD) or end:
            self.stop(end)

    def _on_gap(self) -> None:
        """End the answer with an error, in place of the events that follow the lost ones."""
        self._drop(len(self._events))
        self._number = ""
        self._last = State.FAILED.value, lost_event(LOG_IS_GONE, self.producer.record.target)
        self.producer.abort(HTTPError(503, LOG_IS_GONE))

    def stop(self, end: str) -> None:
        """Write nothing more: the answer has this end, or is gone."""
        if self.is_over:
            return
        self.is_over = True
        self._writer.buffered -= self._unfinished
        self._drop(len(self._events))
        self._on_over(self.id)
        self._resolve()
        if self._last is None:
            detail = LOG_IS_GONE if end == "gone" else f"the answer was ended elsewhere: {end}"
            self.producer.abort(HTTPError(503, detail))

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._writer.buffered -= len(self._events.popleft())

    def _resolve(self) -> None:
        if self.has_opened is not None and not self.has_opened.done():
            self.has_opened.set_result(None)
