"""Live entries of all topics of a process, read over one connection to Redis.

One blocking XREAD covers all streams. When a topic is added, an entry in the wake stream ends the
XREAD, and the next one covers the new topic too. No entry is lost: each stream is read from the id
up to which it was read before. The same holds after Redis was unreachable for a while.

The wake stream belongs to this process. To cancel the XREAD instead would cost the connection.
CLIENT UNBLOCK can arrive before the XREAD blocks, needs an id that changes with each connection,
and may be forbidden by an ACL.
"""

import asyncio
import logging
import uuid
from time import monotonic
from typing import Any, Protocol

from streamserver.feed.log import ORIGIN
from streamserver.feed.redis_client import Connections
from streamserver.kit.backoff import Backoff
from streamserver.kit.tasks import cancel

log = logging.getLogger("streamserver")

BLOCK = 5.0
"""Seconds after which Redis answers an XREAD without entries; a connection that is silent for twice
as long is dead."""

COUNT = 500
"""Entries of a stream that one XREAD returns at most."""

WAKE_TTL = 60
"""Seconds that the wake stream exists after its last entry."""


class LiveTopic(Protocol):
    """A topic as the reader sees it. ``position``: the id up to which its stream was read, None
    before ``load``."""

    position: str | None

    async def load(self, client: Any) -> None:
        """Read the newest part of the stream."""

    def on_live(self, found: Any) -> None:
        """Deliver new entries of the stream, as redis-py returns them."""


class LiveReader:
    """Reads the streams of the topics that have subscribers. A task runs as long as there are any;
    the wake stream is below ``prefix``."""

    def __init__(self, connections: Connections, prefix: str) -> None:
        self._connections = connections
        self._topics: dict[str, LiveTopic] = {}
        self._failing: set[str] = set()  # keys whose failure was logged
        self._task: asyncio.Task[None] | None = None
        self._wakes: set[asyncio.Task[None]] = set()
        self._is_woken = False  # since the topics were last read
        self._wake_key = f"{prefix}wake:{uuid.uuid4()}"
        self._wake_position = ORIGIN

    def add(self, key: str, topic: LiveTopic) -> None:
        """Read the stream at ``key`` for a topic."""
        if key not in self._topics:
            self._topics[key] = topic
            self._reread()

    def remove(self, key: str) -> bool:
        """Stop reading a stream; False if it was not read."""
        topic = self._topics.pop(key, None)
        if topic is not None and not self._topics:
            self._reread()
        return topic is not None

    async def close(self) -> None:
        """Stop reading all streams."""
        self._topics.clear()
        task, self._task = self._task, None
        await cancel([*self._wakes, *filter(None, [task])])

    def _reread(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._run())
        elif not self._is_woken:
            self._is_woken = True
            wake = loop.create_task(self._wake())
            self._wakes.add(wake)
            wake.add_done_callback(self._wakes.discard)

    async def _wake(self) -> None:
        pipeline = self._connections.client.pipeline(transaction=True)
        pipeline.xadd(self._wake_key, {"wake": 1}, maxlen=1, approximate=False)
        pipeline.expire(self._wake_key, WAKE_TTL)
        try:
            await pipeline.execute()
        except self._connections.refusals as error:
            log.error("new feeds are delayed, since Redis refused to end a read: %s", error)
        except self._connections.failures:
            pass  # then the read has failed too, or is about to

    async def _run(self) -> None:
        client = self._connections.connect(2 * BLOCK)
        backoff, began, is_lost = Backoff(first=0.05, bound=1.0, calm=1.0), monotonic(), False
        try:
            while self._topics:
                try:
                    await self._read(client)
                except Exception as error:  # of any kind: this task serves all topics
                    if not is_lost:
                        known = isinstance(error, self._connections.failures)
                        message = "lost the connection to Redis, reconnecting: %s"
                        log.error(message, error, exc_info=None if known else error)
                    is_lost = True
                    # The clock of another Redis may be behind the one that was lost.
                    self._wake_position = ORIGIN
                    await asyncio.sleep(backoff.delay(monotonic() - began))
                    began = monotonic()
                else:
                    if is_lost:
                        log.warning("reconnected to Redis")
                    is_lost = False
        finally:
            if self._task is asyncio.current_task():
                self._task = None
            await asyncio.shield(client.aclose())  # from a repeated cancellation

    async def _read(self, client: Any) -> None:
        self._is_woken = False
        for key, topic in list(self._topics.items()):
            if topic.position is None:
                await self._load(key, topic, client)
        streams = {key: topic.position for key, topic in self._topics.items() if topic.position}
        streams[self._wake_key] = self._wake_position
        try:
            found = await client.xread(streams, COUNT, int(BLOCK * 1000))
        except self._connections.refusals:  # because of one stream, without its name
            for topic in self._topics.values():
                topic.position = None
            raise
        for name, entries in found or ():
            key = name.decode()
            if key == self._wake_key:
                self._wake_position = entries[-1][0].decode()
            elif (followed := self._topics.get(key)) is not None:
                try:
                    followed.on_live(entries)
                except Exception as error:
                    self._on_failure(key, followed, error, error)

    async def _load(self, key: str, topic: LiveTopic, client: Any) -> None:
        try:
            await topic.load(client)
            self._failing.discard(key)
        except self._connections.refusals as error:
            self._on_failure(key, topic, error, None)
        except self._connections.failures:
            raise
        except Exception as error:
            self._on_failure(key, topic, error, error)

    def _on_failure(
        self, key: str, topic: LiveTopic, error: Exception, traceback: Exception | None
    ) -> None:
        """Log the failure of one topic once, and load it again; other topics are not affected."""
        topic.position = None
        if key not in self._failing:
            self._failing.add(key)
            log.error("the feed at %r cannot be read: %s", key, error, exc_info=traceback)
