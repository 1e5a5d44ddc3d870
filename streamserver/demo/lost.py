"""Jobs that run at other workers, and what becomes of them when their worker dies.

It cannot tell their end any more, so whoever followed them would wait for ever. So a worker that is
asked about a job of another's watches it until it ends. One that was silent for too long is lost,
and whoever finds it so tells its end in its worker's place. A worker that was only slow hears that
its job has ended.

It is looked at several times before it is lost: so a store that is out of reach for as long as
jobs may be silent is not taken for their silence, and neither is a halt of whoever looks.
"""

import asyncio
import json
from contextlib import suppress

from streamserver.demo.orders import Orders
from streamserver.feed.feed import Feed
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

SILENCE = 7.0
"""Seconds without a word after which a job is lost: three beats did not come."""

LOOKS = 4
"""How often it is looked at in that time."""

MOST = 1000
"""Jobs that a worker watches."""


class Watch:
    """The jobs of others that are watched here."""

    __slots__ = ("_orders", "_tasks")

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, id: str, feed: Feed) -> None:
        """Watch a job until its end, if that is not being done."""
        if id not in self._tasks and len(self._tasks) < MOST:
            task = self._tasks[id] = asyncio.create_task(self._watch(id, feed))
            task.add_done_callback(lambda _: self._tasks.pop(id))

    async def close(self) -> None:
        """Watch nothing any more."""
        if tasks := [*self._tasks.values()]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _watch(self, id: str, feed: Feed) -> None:
        heard: Event | None = None
        in_vain = 0
        while True:
            newest = None
            # While the store is out of reach nobody is heard, and nobody has to be silent.
            with suppress(HTTPError):
                newest = await feed.newest()
                if newest is None or _has_ended(newest):
                    return
                in_vain = in_vain + 1 if heard is not None and heard.id == newest.id else 0
                if in_vain >= LOOKS:
                    return await self._end(id, feed, newest)
            heard = newest
            await asyncio.sleep(SILENCE / LOOKS)

    async def _end(self, id: str, feed: Feed, newest: Event) -> None:
        state = json.loads(str(newest.data))
        lost = {**state, "state": "lost", "error": "the worker that ran it is gone"}
        await feed.publish(lost, last=True, key="lost")  # several workers may find it lost
        await self._orders.send("cancel", id)


def _has_ended(newest: Event) -> bool:
    """Whether the newest event of a job's feed is its end."""
    return bool(json.loads(str(newest.data))["state"] != "running")
