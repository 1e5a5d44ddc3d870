"""A program that publishes an event a second to a feed in Redis.

It is not a worker, so that it publishes during a restart too, and an event waits for no worker
before it is published.
"""

import asyncio
import threading
from time import monotonic_ns
from typing import Self

from benchmarks.client import WrongAnswer
from benchmarks.crowding.transcript import data_of
from streamserver.feed import Feed, Redis

PERIOD = 1.0
"""Seconds between two events."""


class Publisher:
    """Publishes event 0 at the beginning of a `with` block, and others in a thread from then on.

    `first_id` is the id of event 0, and `newest` the number of the newest event.
    """

    def __init__(self, url: str, topic: str) -> None:
        self._url, self._topic = url, topic
        self._thread = threading.Thread(target=asyncio.run, args=(self._publish(),))
        self._has_begun = threading.Event()
        self._stopping = threading.Event()
        self.first_id = ""
        self.newest = -1
        self._fault: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._has_begun.wait()
        self.check()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Raise `WrongAnswer` if an event could not be published."""
        if self._fault is not None:
            raise WrongAnswer(f"event {self.newest + 1} was not published: {self._fault}")

    async def _publish(self) -> None:
        redis = Redis(self._url)
        feed = Feed(self._topic, redis)
        clock = asyncio.get_running_loop().time
        try:
            began = clock()
            while not self._stopping.is_set():
                number = self.newest + 1
                id = await feed.publish(data_of(number, monotonic_ns()))
                self.first_id = self.first_id or id
                self.newest = number
                self._has_begun.set()
                await asyncio.sleep(max(began + (number + 1) * PERIOD - clock(), 0))
        except Exception as fault:
            self._fault = fault
        finally:
            self._has_begun.set()
            await redis.close()
