"""Answers in the memory of this process."""

import asyncio
from collections.abc import Sequence

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.memory import Memory, MemoryTopic
from streamserver.feed.topic import Bounds
from streamserver.resumable.limits import Limits, no_room, too_large
from streamserver.resumable.ports import Producer, Record, State
from streamserver.server.deadlines import Deadlines
from streamserver.wire.problem import HTTPError

_UNBOUNDED = Bounds(2**53, 2**53, 0.0)
"""Of a log: its producer ends an answer before it exceeds its limits, so nothing is dropped."""

ENTRY = 400
"""Bytes of memory that an entry of a log takes besides its event."""


class _Held:
    """An answer; ``producer`` is None after its end, ``topic`` before its first use."""

    __slots__ = ("_record", "producer", "readers", "size", "topic", "unfinished")

    def __init__(self, producer: Producer) -> None:
        self.producer: Producer | None = producer
        self._record = producer.record
        self.topic: MemoryTopic | None = None
        self.readers = 0
        self.size = 0
        self.unfinished = 0

    @property
    def record(self) -> Record:
        return self._record if self.producer is None else self.producer.record

    def end(self) -> None:
        self._record = self.record
        self.producer = None


class MemoryStore:
    """A store in this process. Its methods never wait."""

    is_shared = False

    def __init__(self, backend: Memory, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._limits = limits
        self._held: dict[str, _Held] = {}
        self._keys: dict[str, tuple[str, IdempotencyKey]] = {}  # with the id of the answer
        self._size = 0
        self._kept: Deadlines[str] = Deadlines(loop, limits.keep, self._expire)

    def __len__(self) -> int:
        """How many answers are held."""
        return len(self._held)

    def admits(self) -> bool:
        """As ``Store.admits``."""
        return len(self._held) < self._limits.answers and self._size < self._limits.total

    async def claim(self, producer: Producer) -> Record:
        """As ``Store.claim``."""
        record = producer.record
        key = record.key
        if key is not None and (used := self._keys.get(key.key)) is not None:
            id, first = used
            first.check(key.fingerprint)
            return self._held[id].record
        if not self.admits():
            raise no_room(len(self._held), self._size)
        self._held[record.id] = _Held(producer)
        if key is not None:
            self._keys[key.key] = record.id, key
        return record

    async def opened(self, id: str) -> Record | None:
        """Not called: every producer is in this process."""
        raise NotImplementedError

    async def open(self, record: Record) -> None:
        """Not called: the record of a producer is read from it."""
        raise NotImplementedError

    def append(self, id: str, events: Sequence[bytes]) -> None:
        """As ``Store.append``."""
        held, size = self._held[id], sum(map(len, events)) + ENTRY * len(events)
        if self._has_room(held, size):
            held.size += size
            self._size += size
            (held.topic or self.topic(id)).add(events)

    def hold_unfinished(self, id: str, size: int) -> None:
        """As ``Store.hold_unfinished``."""
        held = self._held[id]
        more = size - held.unfinished
        if self._has_room(held, more):
            held.unfinished = size
            self._size += more

    def _has_room(self, held: _Held, more: int) -> bool:
        """Whether there is room for more bytes of a running answer, which ends if not."""
        if self._size + more <= self._limits.total:
            return True
        assert held.producer is not None
        held.producer.abort(too_large(self._limits.total))
        return False

    def end(self, id: str, state: State, event: bytes) -> None:
        """As ``Store.end``."""
        held = self._held[id]
        held.end()
        self._size -= held.unfinished
        self.topic(id).add([event], is_last=True)
        self._kept.start(id)

    def discard(self, id: str) -> None:
        """As ``Store.discard``."""
        if (held := self._held.pop(id, None)) is not None:
            self._size -= held.size
            if held.record.key is not None:
                del self._keys[held.record.key.key]

    def _expire(self, id: str) -> None:
        """``resume_keep`` has passed. Readers that still follow would keep the log in memory."""
        for reader in tuple(self.topic(id).subscribers):
            reader.on_error(HTTPError(410, "the answer has expired"))
        self.discard(id)

    async def find(self, id: str) -> Record | None:
        """As ``Store.find``."""
        held = self._held.get(id)
        return None if held is None or held.record.head is None else held.record

    async def has(self, id: str, position: str) -> bool:
        """As ``Store.has``."""
        return self.topic(id).log.offset_after(position) is not None

    def topic(self, id: str) -> MemoryTopic:
        """As ``Store.topic``."""
        held = self._held[id]
        if held.topic is None:
            held.topic = self._backend.topic(f"answer:{id}", _UNBOUNDED)
        return held.topic

    def joined(self, id: str) -> None:
        """As ``Store.joined``."""
        self._count_reader(id, 1)

    def left(self, id: str) -> None:
        """As ``Store.left``."""
        self._count_reader(id, -1)

    def _count_reader(self, id: str, more: int) -> None:
        if (held := self._held.get(id)) is not None:
            held.readers += more
            if held.producer is not None:
                held.producer.set_followed(held.readers > 0)

    async def cancel(self, id: str) -> None:
        """As ``Store.cancel``."""
        held = self._held.get(id)
        if held is not None and held.producer is not None:
            held.producer.cancel()

    async def close(self) -> None:
        """Forget all answers."""
        self._kept.close()
        self._held.clear()
        self._keys.clear()
        self._size = 0
