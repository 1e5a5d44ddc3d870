"""Clients of a server that is restarted: each event or answer that one of them misses is an
error."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from streamserver.feed.feed import Feed
from streamserver.kit import tasks
from streamserver.wire.sse import Event
from support.following import following
from support.rawsocket import connect
from support.requests import GET
from support.waiting import wait_until

LIMIT = 50
ANSWER = b"\r\n\r\nhello"
LATEST = 0.1
"""Seconds that a client may be behind its schedule before it leaves out calls."""
LONGEST_PAUSE = 0.3
"""Seconds between two requests on a connection that is kept: less than a server that drains waits
for the next one, so no request is on its way when it closes."""


@dataclass(slots=True)
class Clients:
    """All clients of one server, until `finish`."""

    port: int
    seed: random.Random = field(default_factory=lambda: random.Random(1))
    errors: list[str] = field(default_factory=list)
    connected: int = 0
    """Connections that were opened for one request, and answered."""
    kept: int = 0
    """Requests on connections that were kept, and answered."""
    repeated: int = 0
    """Of these, requests that were sent again, because the server had closed the connection."""
    published: list[str] = field(default_factory=list)
    followed: list[list[Event]] = field(default_factory=list)
    """The events that each follower has received."""
    followings: list[int] = field(default_factory=list)
    """How often each of them has connected."""
    _ends: bool = False
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _followers: set["asyncio.Task[None]"] = field(default_factory=set)

    async def start(
        self, feed: Feed, *, rate: float, every: float, followers: int, keepers: int
    ) -> None:
        """Follow; then connect `rate` times a second, and publish an event `every` so many
        seconds."""
        self.followed = [[] for _ in range(followers)]
        self.followings = [0] * followers
        for n in range(followers):
            self._run(self._follow(n))
        self._followers = {*self._tasks}
        await self.until(lambda: min(self.followings))
        for _ in range(keepers):
            self._run(self._keep())
        self._run(self._knock(rate))
        self._run(self._publish(feed, every))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for this; AssertionError for the first error of a client."""
        await wait_until(lambda: self.errors or condition(), LIMIT)
        assert not self.errors, self.errors[:3]

    async def finish(self) -> None:
        """Await the end of all requests, and the last event at the followers."""
        self._ends = True
        await self.until(lambda: self._tasks == self._followers)
        last = self.published[-1]
        await self.until(lambda: all(events[-1].id == last for events in self.followed))

    async def cancel(self) -> None:
        """End all at once."""
        await tasks.cancel(self._tasks)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._watched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.errors.append(f"{work!r}: {error!r}")

    async def _paced(self, interval: float, do: Any) -> None:
        """Call it at multiples of the interval: what is late does not delay what follows.

        On a machine that is too busy for that, calls are left out.
        """
        clock = asyncio.get_running_loop().time
        due = clock()
        while not self._ends:
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            due = max(due, clock() - LATEST) + interval
            await do()

    async def _publish(self, feed: Feed, every: float) -> None:
        async def publish() -> None:
            self.published.append(await feed.publish(str(len(self.published))))

        await self._paced(every, publish)

    async def _knock(self, rate: float) -> None:
        async def knock() -> None:
            self._run(self._ask_once())

        await self._paced(1 / rate, knock)

    async def _ask_once(self) -> None:
        async with connect(self.port) as client:
            await client.send(GET)
            await client.read_until(ANSWER, timeout=LIMIT)
        assert client.received.startswith(b"HTTP/1.1 200 "), client.received
        self.connected += 1

    async def _keep(self) -> None:
        while not self._ends:
            async with connect(self.port) as client:
                count = 0
                while not self._ends:
                    await asyncio.sleep(self.seed.uniform(0, LONGEST_PAUSE))
                    client.received = b""
                    try:
                        await client.send(GET)
                        await client.read_until(ANSWER, timeout=LIMIT)
                    except (EOFError, ConnectionError):
                        if client.received or not count:
                            raise
                        self.repeated += 1  # as any client may do (RFC 9112, section 9.3.1)
                        break
                    count += 1
                    self.kept += 1
                    if b"\r\nconnection: close\r\n" in client.received:
                        break

    async def _follow(self, n: int) -> None:
        position: str | None = None
        while True:
            async with following(self.port, position, "/news") as reader:
                self.followed[n] += reader.events
                reader.events = self.followed[n]
                await reader.read_until(lambda each: each.ended or each.id is not None, LIMIT)
                self.followings[n] += 1
                await reader.read_end(LIMIT)
                position = reader.id or position
